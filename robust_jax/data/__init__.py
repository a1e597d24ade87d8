"""Datasets with a spec, by name through TFDS or of arrays; their loaders."""
