"""Domain adaptation: labels in the source, answers in the target."""
