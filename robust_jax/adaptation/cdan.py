"""Features that cannot be told apart given what they are taken for."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from robust_jax.adaptation.adversary import domain_game
from robust_jax.adaptation.records import Alignment, Gather, View
from robust_jax.models.dann.domain_classifier import DomainClassifier
from robust_jax.types import Array


def cdan(
  *,
  hidden: tuple[int, ...] = (100,),
  dropout: float = 0.0,
  entropy: bool = True,
  num_domains: int = 2,
  dtype: DTypeLike = jnp.float32,
) -> Alignment:
  """Conditional adversarial adaptation: the adversary sees features x classes.

  It is shown the outer product of an example's features and its probabilities,
  `[B, D K]`. No gradient passes through the probabilities.

  Args:
    hidden: widths of the domain classifier's hidden layers.
    dropout: in them.
    entropy: examples that are classified surely matter more (CDAN+E), by
      1 + exp(-entropy), averaging 1 in each domain.
    num_domains: sources and target.
    dtype: that the classifier computes in, see `robust_jax.precision`.

  Source: Long et al. 2018, "Conditional adversarial domain adaptation",
  equations 5 and 9. The product is never replaced by random projections, which
  they do above 4,096 entries.
  """

  def shown(view: View) -> Array:
    chances = _chances(view)
    return (chances[:, :, None] * view.features[:, None, :]).reshape(
      len(chances), -1
    )

  def importance(view: View, gather: Gather) -> Array:
    if not entropy:
      return jnp.ones_like(view.weight)
    chances = _chances(view)
    sure = 1 + jnp.exp(-jax.scipy.special.entr(chances).sum(axis=-1))
    return sure / gather(sure).mean()

  classifier = DomainClassifier(num_domains, tuple(hidden), dropout, dtype)
  return domain_game(classifier, shown, importance)


def _chances(view: View) -> Array:
  return jax.lax.stop_gradient(jax.nn.softmax(view.logits))
