"""Fader autoencoders, whose codes are independent of the label."""
