"""Text classifiers: models of token sequences."""
