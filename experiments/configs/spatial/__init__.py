"""Training against rotations and translations."""
