"""Probes: measurements on frozen features, by freshly trained classifiers."""
