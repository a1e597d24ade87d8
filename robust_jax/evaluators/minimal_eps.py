"""Minimal perturbations: the smallest norm that misclassifies an example."""

from collections.abc import Callable, Mapping, Sequence

import jax.numpy as jnp

from robust_jax.attacks.minimal_norm.best_adversarial import distance
from robust_jax.types import Array, Attack, Key, Model, Norm


def minimal_eps(
  attacks: Mapping[str, Attack],
  norm: Norm,
  *,
  targeted: bool = False,
  pixel_axes: Sequence[int] | None = None,
) -> Callable[[Key, Model, Array, Array], dict[str, Array]]:
  """Measures the norm of each attack's perturbation where it succeeds.

  The model is re-evaluated on what the attack returned, so success does not
  depend on the attack's own report.

  Args:
    attacks: name -> attack; minimal-norm attacks, or `bisect_eps` of an attack
      of a given radius.
    norm: "l0" (pixels), "l1", "l2" or "linf".
    targeted: whether the labels are the targets of the adversary.
    pixel_axes: for L0, the axes of x that one pixel spans; by default the last
      one of `[B, H, W, C]`, and none for other shapes. `pixels.unit_name`
      describes them in words, for reports.

  Returns:
    `(key, logits_fn, x, labels) -> {name: [B]}`, upper bounds of the minimal
    norm: 0 if the clean image is misclassified already, inf if the attack
    failed. "nearest" is the minimum over attacks, per example.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.evaluators.minimal_eps import minimal_eps
    >>> flip = lambda key, model, x, labels: 1 - x  # swaps two pixels here
    >>> measure = minimal_eps({"flip": flip}, "linf")
    >>> x, labels = jnp.array([[0.75, 0.25]]), jnp.array([0])
    >>> measure(jax.random.key(0), lambda x: x, x, labels)["flip"].tolist()
    [0.5]
  """

  def measure(
    key: Key, logits_fn: Model, x: Array, labels: Array
  ) -> dict[str, Array]:
    def reached(x):
      return (logits_fn(x).argmax(axis=-1) == labels) == targeted

    clean = reached(x)
    found = {}
    for name, attack in attacks.items():
      x_adv = attack(key, logits_fn, x, labels)
      delta = x_adv.astype(jnp.float32) - x.astype(jnp.float32)
      size = distance(delta, norm, pixel_axes)
      length = jnp.where(reached(x_adv), size, jnp.inf)
      found[name] = jnp.where(clean, 0.0, length)
    nearest = jnp.stack(list(found.values())).min(axis=0)
    return found | {"nearest": nearest}

  return measure
