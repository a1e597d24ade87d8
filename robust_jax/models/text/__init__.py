"""Classifiers of token sequences."""
