"""One perturbation for all images: universal perturbations and patches."""
