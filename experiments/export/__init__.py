"""`export`: a trained classifier for other programs, with its card."""
