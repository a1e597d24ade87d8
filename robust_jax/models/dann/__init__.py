"""Networks of domain-adversarial training (DANN)."""
