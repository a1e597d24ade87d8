"""Speed, as ratios within one run. Scripts, not tests: the clock is noisy."""
