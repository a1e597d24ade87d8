"""Classifiers of texts, and attacks on words and letters."""
