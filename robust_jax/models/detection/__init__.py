"""Detectors: from images to boxes, and what is read from their outputs."""
