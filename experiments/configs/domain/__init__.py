"""Unsupervised domain adaptation: labels in the source only."""
