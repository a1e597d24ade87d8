"""Speed, as ratios within one run. Scripts, not tests: the clock is noisy.

`python -m tests.benchmarks.accelerator` measures a GPU or TPU in minutes.
"""
