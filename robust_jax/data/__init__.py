"""Datasets from TFDS, arrays and files, and loaders that batch them."""
