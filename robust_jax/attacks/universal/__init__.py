"""Universal perturbations and patches: one for all images."""
