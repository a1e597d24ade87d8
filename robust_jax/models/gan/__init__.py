"""Generators and discriminators of generative adversarial networks."""
