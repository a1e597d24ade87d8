"""What makes a pure function an attack that can be called as it is."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import bounded_jit, checks
from robust_jax.types import Array, Attack, Key, LogitsFn


def standalone(
  attack: Attack, *, check: Callable[[Array], None] = checks.images
) -> Attack:
  """The same attack, which checks what it is given and compiles itself.

      attack = standalone(my_attack)
      x_adv = attack(key, logits_fn, x, labels)

  Called with arrays, it refuses inputs and labels whose values cannot be meant,
  and runs as one compiled program. The programs of the last few models are
  kept. A model that is a pytree of its parameters, as `models.frozen` and
  `jax.tree_util.Partial(apply, params)` make it, does not compile again for new
  parameters; a closure made anew does.

  Called while something else is traced, such as a training step, it becomes
  part of that program. Values are not there yet then: only shapes and dtypes
  are checked.

  Args:
    attack: a pure function `(key, logits_fn, x, labels) -> x_adv`. It is given
      labels as int32, whatever integers they were.
    check: `(x)` raises ValueError where the attack is not for such inputs.

  Returns:
    the attack. It raises ValueError where `check` does; where the model does
    not answer logits `[B, K]` of two classes or more; and on labels that are
    not `[B]` integers in 0..K-1.
  """

  @functools.wraps(attack)
  def checked(key: Key, logits_fn: LogitsFn, x: Array, labels: Array) -> Array:
    x, labels = map(_as_array, (x, labels))
    check_call(logits_fn, x, labels, check)
    args = key, logits_fn, jnp.asarray(x), jnp.asarray(labels, jnp.int32)
    if _is_traced(args):
      return attack(*args)
    return bounded_jit.call(attack, *args)

  return checked


def check_call(
  logits_fn: LogitsFn,
  x: Array,
  labels: Array,
  check: Callable[[Array], None] = checks.images,
) -> int:
  """Refuses what no attack can be called with, before anything is computed.

  Args:
    logits_fn: the model.
    x: inputs, refused by `check`.
    labels: to be `[B]` integers in 0..K-1.
    check: `(x)` raises ValueError where the attack is not for such inputs.

  Returns:
    K, the number of classes.
  """
  check(x)
  if _is_traced((logits_fn, x)):
    answer = jax.eval_shape(logits_fn, x)
  else:
    answer = bounded_jit.eval_shape(_ask, logits_fn, x)
  checks.logits(answer, len(x))
  checks.labels(labels, *answer.shape)
  return answer.shape[1]


def _ask(logits_fn: LogitsFn, x: Array) -> Array:
  return logits_fn(x)


def _as_array(value) -> Array | np.ndarray:
  return value if isinstance(value, jax.Array) else np.asarray(value)


def _is_traced(args) -> bool:
  """Whether a program is being traced, of these arguments or around them."""
  leaves = [jnp.empty(()), *jax.tree.leaves(args)]
  return any(isinstance(leaf, jax.core.Tracer) for leaf in leaves)
