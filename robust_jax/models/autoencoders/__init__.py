"""Autoencoders conditioned on labels."""
