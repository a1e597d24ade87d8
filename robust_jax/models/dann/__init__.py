"""Networks of domain-adversarial training."""
