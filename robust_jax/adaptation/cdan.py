"""Conditional domain-adversarial networks (CDAN)."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from robust_jax.adaptation.adversary import domain_adversary
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
  """Conditional domain-adversarial network (CDAN).

  The domain classifier's input is the outer product of an example's features
  and its class probabilities, `[B, D K]`. No gradient passes through the
  probabilities.

  Args:
    hidden: widths of the domain classifier's hidden layers.
    dropout: dropout rate of these layers.
    entropy: whether examples are weighted by `1 + exp(-entropy)` of their
      prediction, normalized to mean 1 in each domain, so that confident
      predictions count more (CDAN+E).
    num_domains: number of domains, sources and target.
    dtype: dtype of the domain classifier's computation, see
      `robust_jax.precision`.

  Source: Long et al. 2018, "Conditional adversarial domain adaptation",
  equations 5 and 9.

  Deviation: the product is never replaced by random projections, as the paper
  does above 4,096 entries.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import adaptation
    >>> from robust_jax.adaptation.records import View
    >>> alignment = adaptation.cdan(hidden=(4,))
    >>> view = View(jnp.ones((2, 5)), jnp.ones((2, 3)), jnp.zeros(2, int), 1.0)
    >>> params = jax.eval_shape(alignment.init, jax.random.key(0), view)
    >>> params["mlp"]["Dense_0"]["kernel"].shape  # 5 features x 3 classes
    (15, 4)
  """

  def inputs(view: View) -> Array:
    p = _probabilities(view)
    return (p[:, :, None] * view.features[:, None, :]).reshape(len(p), -1)

  def importance(view: View, gather: Gather) -> Array:
    if not entropy:
      return jnp.ones_like(view.weight)
    p = _probabilities(view)
    confidence = 1 + jnp.exp(-jax.scipy.special.entr(p).sum(axis=-1))
    return confidence / gather(confidence).mean()

  classifier = DomainClassifier(num_domains, tuple(hidden), dropout, dtype)
  return domain_adversary(classifier, inputs, importance)


def _probabilities(view: View) -> Array:
  return jax.lax.stop_gradient(jax.nn.softmax(view.logits))
