"""Synthetic datasets: functions `(num_examples, seed, ...) -> Dataset`."""

from robust_jax.data.synthetic.gaussian_ring import gaussian_ring
from robust_jax.data.synthetic.two_moons import two_moons

__all__ = ["gaussian_ring", "two_moons"]
