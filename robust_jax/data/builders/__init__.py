"""TFDS builders for datasets that are embedded or read from raw files."""
