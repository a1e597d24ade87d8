"""Detection of objects by boxes."""
