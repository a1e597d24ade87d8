"""Autoencoders whose code forgets the label."""
