"""Minimal-norm attacks: the smallest perturbation that is misclassified."""
