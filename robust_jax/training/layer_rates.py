"""Learning rates that fall from each layer of an encoder to the one below."""

import re

import jax
import optax

from robust_jax import checks
from robust_jax.types import PyTree

_BLOCK = re.compile(r"blocks_(\d+)")
_BELOW = ("embeddings", "positions", "project")


def layer_rates(params: PyTree, decay: float) -> dict[str, float]:
  """Computes factors of the learning rate, by the top-level names of params.

  With n blocks, the factor of what is above them is 1, that of block i
  decay^(n - i), counted from 0, and that of the embeddings decay^(n + 1).

  Args:
    params: parameters of a `TextTransformer`.
    decay: above 0 and at most 1.

  Raises:
    ValueError: no parameters are named blocks_0, blocks_1, ...

  Example:
    >>> from robust_jax.training.layer_rates import layer_rates
    >>> names = ("embeddings", "blocks_0", "blocks_1", "dense")
    >>> layer_rates(dict.fromkeys(names), decay=0.5)
    {'embeddings': 0.125, 'blocks_0': 0.25, 'blocks_1': 0.5, 'dense': 1.0}
  """
  blocks = {
    name: int(found[1]) for name in params if (found := _BLOCK.fullmatch(name))
  }
  if not blocks:
    raise ValueError(
      f"optimizer.layer_decay for a model of {', '.join(params)}: expected one "
      "with layers blocks_0, blocks_1 and so on, as text_transformer has."
    )
  below_top = {name: len(blocks) - i for name, i in blocks.items()}
  below_top |= dict.fromkeys(_BELOW, len(blocks) + 1)
  return {name: decay ** below_top.get(name, 0) for name in params}


def scale_by_layer(decay: float) -> optax.GradientTransformation:
  """Scales updates by `layer_rates`, behind an optimizer.

  Raises:
    ValueError: decay is not above 0 and at most 1.

  Source: Clark et al. 2020, "ELECTRA", appendix B; Howard and Ruder 2018,
  "Universal language model fine-tuning for text classification", section 3.2.

  Deviation: the code of ELECTRA has one power of the decay more below the head.

  Example:
    >>> import jax.numpy as jnp, optax
    >>> from robust_jax.training.layer_rates import scale_by_layer
    >>> params = {"blocks_0": jnp.zeros(()), "dense": jnp.zeros(())}
    >>> update = optax.chain(optax.sgd(1.0), scale_by_layer(0.5))
    >>> grads = {"blocks_0": jnp.ones(()), "dense": jnp.ones(())}
    >>> updates, _ = update.update(grads, update.init(params))
    >>> {name: float(value) for name, value in updates.items()}
    {'blocks_0': -0.5, 'dense': -1.0}
  """
  checks.positive("optimizer.layer_decay", decay)
  checks.at_most("optimizer.layer_decay", decay, 1.0)

  def scale(updates: PyTree, params: PyTree = None) -> PyTree:
    del params
    rates = layer_rates(updates, decay)
    return {
      name: jax.tree.map(lambda leaf, rate=rates[name]: rate * leaf, part)
      for name, part in updates.items()
    }

  return optax.stateless(scale)
