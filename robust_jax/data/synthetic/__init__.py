"""Synthetic datasets: functions `(num_examples, seed, ...) -> Dataset`."""

from robust_jax.data.synthetic.gaussian_grid import gaussian_grid
from robust_jax.data.synthetic.gaussian_ring import gaussian_ring
from robust_jax.data.synthetic.rectangles import rectangles
from robust_jax.data.synthetic.two_moons import two_moons

__all__ = ["gaussian_grid", "gaussian_ring", "rectangles", "two_moons"]
