"""Datasets that are drawn, not read: `(num_examples, seed, ...) -> Dataset`."""

from robust_jax.data.synthetic.gaussian_ring import gaussian_ring

__all__ = ["gaussian_ring"]
