"""Comparison of models under many transformations: which one to deploy."""
