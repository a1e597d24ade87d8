"""Attacks on texts: strings on the host, edited word by word."""
