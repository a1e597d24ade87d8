"""Standard training, which the robust models are compared with."""
