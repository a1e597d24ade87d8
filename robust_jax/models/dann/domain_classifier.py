"""Which domain features come from."""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.classifiers.mlp import MLP
from robust_jax.types import Array


class DomainClassifier(nn.Module):
  """Dense layers with relu between them; the last domain's logit is 0.

  A softmax does not change when all logits are moved alike, so the last of
  them is no freedom: with two domains this is the paper's one logistic output,
  `sigmoid(logits[:, 0])` being the probability of the first.

  Attributes:
    num_domains: sources first, the target last.
    hidden: width of each hidden layer; (100,) for the paper's digits, (1024,
      1024) for its SVHN.
    dropout: the fraction of each hidden layer that a training step leaves out.
    dtype: of the computation, see `robust_jax.precision`.

  Source: Ganin and Lempitsky, "Unsupervised Domain Adaptation by
  Backpropagation", 2015, figure 4; several sources as in Zhao et al.,
  "Adversarial Multiple Source Domain Adaptation", 2018, but by one softmax
  instead of one binary classifier for each source.
  """

  num_domains: int = 2
  hidden: tuple[int, ...] = (100,)
  dropout: float = 0.0
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, h: Array, *, train: bool = False) -> Array:
    """features `[B, ...]` -> logits `[B, num_domains]`, the last one 0.

    Raises:
      ValueError: fewer than two domains.
    """
    if self.num_domains < 2:
      raise ValueError(
        f"num_domains = {self.num_domains}: expected 2 or more, a source and "
        "the target at least."
      )
    dense = MLP(
      self.hidden, self.num_domains - 1, self.dropout, self.dtype, name="mlp"
    )
    return jnp.pad(dense(h, train=train), ((0, 0), (0, 1)))
