"""TFDS builders of datasets that are embedded or made from raw files."""
