"""Features that a domain classifier cannot tell apart."""

import jax.numpy as jnp
from jax.typing import DTypeLike

from robust_jax.adaptation.adversary import domain_game
from robust_jax.adaptation.records import Alignment
from robust_jax.models.dann.domain_classifier import DomainClassifier


def dann(
  *,
  hidden: tuple[int, ...] = (100,),
  dropout: float = 0.0,
  num_domains: int = 2,
  dtype: DTypeLike = jnp.float32,
) -> Alignment:
  """Domain-adversarial training: the adversary sees the features.

  Args:
    hidden: widths of the domain classifier's hidden layers.
    dropout: in them.
    num_domains: sources and target; above 2 the classifier tells every source
      from every other as well.
    dtype: that the classifier computes in, see `robust_jax.precision`.

  Source: Ganin et al. 2016, "Domain-adversarial training of neural networks",
  equation 9. There the averages over the domains are added, here averaged in
  turn, as their peers do: the sum is twice the task's weight, and twice the
  adversary's learning rate.
  """
  classifier = DomainClassifier(num_domains, tuple(hidden), dropout, dtype)
  return domain_game(
    classifier,
    lambda view: view.features,
    lambda view, gather: jnp.ones_like(view.weight),
  )
