"""Attacks that look for the smallest perturbation that is misclassified."""
