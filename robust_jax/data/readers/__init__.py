"""Readers of images that other people stored: folders, archives, TFDS."""
