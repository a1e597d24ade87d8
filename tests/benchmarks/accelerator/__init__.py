"""Measurements of an accelerator in a few minutes."""
