"""The documentation's site: its reference, and links that leave docs/."""
