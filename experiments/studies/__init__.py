"""Experiments of the documentation, each a command of its own."""
