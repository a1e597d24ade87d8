"""Standard training, the baseline of robust models."""
