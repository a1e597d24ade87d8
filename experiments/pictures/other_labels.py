"""Images that an autoencoder decodes under all labels, as `pictures`."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from experiments import build
from experiments.examples import first_examples
from experiments.sample import ImageGrid
from robust_jax import checks, precision
from robust_jax.models.inference import Autoencoder
from robust_jax.types import Array


def other_labels(
  config: ConfigDict, num_examples: int = 10
) -> Mapping[str, Callable[[Autoencoder], ImageGrid]]:
  """Held-out images, each followed by itself decoded as every class.

  Args:
    config: config of a run of `tasks.fader` with classes.
    num_examples: number of images, each of which has a row.

  Returns:
    The function "other_labels" of an autoencoder.

  Raises:
    ValueError: num_examples is below 1, or the data have no classes.
  """
  checks.at_least_one("pictures.num_examples", num_examples)
  held_out = build.dataset(config, "validation")
  x = first_examples(held_out, num_examples).x
  vectors = np.eye(held_out.fact("num_classes"), dtype=np.float32)

  @precision.evaluation()
  def draw(autoencoder: Autoencoder) -> ImageGrid:
    decoded = np.asarray(_decode_as(autoencoder, x, vectors))
    rows = np.concatenate([x[:, None], decoded], axis=1)
    return ImageGrid(rows.reshape(-1, *x.shape[1:]), rows.shape[1])

  return {"other_labels": draw}


@jax.jit
def _decode_as(autoencoder: Autoencoder, x: Array, vectors: Array) -> Array:
  """Images `[N, K, H, W, C]` of x `[N, ...]` under each of `[K, L]`."""
  codes = autoencoder.encode(x)
  return jax.vmap(
    lambda vector: autoencoder.decode(
      codes, jnp.broadcast_to(vector, (len(x), len(vector)))
    ),
    out_axes=1,
  )(vectors)
