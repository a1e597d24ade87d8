"""What is measured of a network between two domains."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import losses, metrics
from robust_jax.types import Array, Batch, LogitsFn, Metrics


def adaptation(source_fn, target_fn, batch) -> Metrics:
  pass
