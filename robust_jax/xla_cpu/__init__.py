"""Rewrites that make XLA's CPU compiler fast; no-ops on other backends."""
