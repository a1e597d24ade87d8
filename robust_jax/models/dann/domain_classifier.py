"""Domain classifier: the adversary of domain-adversarial training."""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.classifiers.mlp import MLP
from robust_jax.types import Array


class DomainClassifier(nn.Module):
  """Predicts the domain of features by dense layers with relu between them.

  The logit of the last domain is fixed to 0. A softmax is invariant to a common
  offset of its logits, so this costs no generality, and for two domains it is
  the paper's single logistic output: `sigmoid(logits[:, 0])` is the probability
  of the first domain.

  Attributes:
    num_domains: number of domains, sources first, the target last.
    hidden: width of each hidden layer; (100,) for the paper's digits, (1024,
      1024) for its SVHN.
    dropout: dropout rate of each hidden layer in training.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Ganin and Lempitsky, "Unsupervised Domain Adaptation by
  Backpropagation", 2015, figure 4; several sources as in Zhao et al.,
  "Adversarial Multiple Source Domain Adaptation", 2018.

  Deviation: one softmax over all domains, where Zhao et al. train one binary
  classifier for each source.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import DomainClassifier
    >>> model, h = DomainClassifier(num_domains=3), jnp.ones((2, 4))
    >>> init = jax.jit(model.init_with_output)
    >>> logits, variables = init(jax.random.key(0), h)
    >>> logits.shape, logits[:, -1].tolist()
    ((2, 3), [0.0, 0.0])
  """

  num_domains: int = 2
  hidden: tuple[int, ...] = (100,)
  dropout: float = 0.0
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, h: Array, *, train: bool = False) -> Array:
    """Computes logits `[B, num_domains]` of features `[B, ...]`.

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
