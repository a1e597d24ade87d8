"""Domain-adversarial neural networks (DANN)."""

import jax.numpy as jnp
from jax.typing import DTypeLike

from robust_jax.adaptation.adversary import domain_adversary
from robust_jax.adaptation.records import Alignment
from robust_jax.models.dann.domain_classifier import DomainClassifier


def dann(
  *,
  hidden: tuple[int, ...] = (100,),
  dropout: float = 0.0,
  num_domains: int = 2,
  dtype: DTypeLike = jnp.float32,
) -> Alignment:
  """Domain-adversarial neural network (DANN).

  A domain classifier learns to predict the domain of the features, and the
  network learns features that it cannot tell apart.

  Args:
    hidden: widths of the domain classifier's hidden layers.
    dropout: dropout rate of these layers.
    num_domains: number of domains, sources and target; above 2 the classifier
      also tells the sources from each other.
    dtype: dtype of the domain classifier's computation, see
      `robust_jax.precision`.

  Source: Ganin et al. 2016, "Domain-adversarial training of neural networks",
  equation 9.

  Deviation: the mean losses of source and target are averaged, as in the other
  alignments; the paper adds them. The sum corresponds to twice the task's
  weight and twice the adversary's learning rate.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import adaptation
    >>> from robust_jax.adaptation.records import View
    >>> alignment = adaptation.dann(hidden=())
    >>> view = View(jnp.ones((2, 5)), jnp.ones((2, 3)), jnp.zeros(2, int), 1.0)
    >>> params = jax.eval_shape(alignment.init, jax.random.key(0), view)
    >>> params["mlp"]["Dense_0"]["kernel"].shape  # 5 features, one logit
    (5, 1)
  """
  classifier = DomainClassifier(num_domains, tuple(hidden), dropout, dtype)
  return domain_adversary(
    classifier,
    lambda view: view.features,
    lambda view, gather: jnp.ones_like(view.weight),
  )
