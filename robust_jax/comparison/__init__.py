"""Comparison of models under many transformations."""
