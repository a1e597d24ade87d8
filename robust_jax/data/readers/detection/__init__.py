"""Readers of images with boxes around objects, one format per file."""
