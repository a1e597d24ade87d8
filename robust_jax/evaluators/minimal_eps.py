"""How little each example needs to be changed to be answered wrongly."""

from collections.abc import Callable, Mapping, Sequence

import jax.numpy as jnp

from robust_jax.attacks.minimal_norm.best_adversarial import distance
from robust_jax.types import Array, Attack, Key, Model


def minimal_eps(
  attacks: Mapping[str, Attack],
  norm: float,
  *,
  targeted: bool = False,
  pixel_axes: Sequence[int] | None = None,
) -> Callable[[Key, Model, Array, Array], dict[str, Array]]:
  """The norm of each attack's change, where the answer is then wrong.

  Success is the answer of the model, asked anew, about the image that the
  attack returned, so any attack can be measured, whatever it says of itself.

  Args:
    attacks: name -> attack; those that look for the nearest point, or
      `bisect_eps` of one that fills a ball.
    norm: 0 (pixels), 1, 2 or inf.
    targeted: the labels are those that the adversary wants.
    pixel_axes: in L0, the axes of x that one pixel spans; by default the last
      of `[B, H, W, C]`, and none of other shapes. `pixels.unit` says it in
      words, for a report.

  Returns:
    `(key, logits_fn, x, labels) -> {name: [B]}`: upper bounds on the true
    smallest norm; 0 where the clean image is answered so, inf where nothing was
    found. "nearest" is the least of all, per example.
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
