"""Robust training by many methods under one recipe."""
