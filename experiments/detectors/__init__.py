"""Attacks on detectors: changes of images, measures, the table."""
