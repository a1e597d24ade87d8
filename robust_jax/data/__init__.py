"""Data sets by name through TFDS, and the batches that the steps are fed."""
