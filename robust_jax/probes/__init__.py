"""Measurements on trained features: fresh classifiers, distances, shifts."""
