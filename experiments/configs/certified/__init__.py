"""Training of models that are certified."""
