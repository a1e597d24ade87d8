"""What makes a pure function an attack that can be called as it is."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import bounded_jit, checks, tree
from robust_jax.types import Array, Attack, Key, Model, PyTree


def standalone(
  attack: Attack,
  *,
  check_input: Callable[[PyTree], None] = checks.images,
  check_outputs: Callable[[PyTree, PyTree], None] = checks.classification,
) -> Attack:
  """The same attack, which checks what it is given and compiles itself.

      attack = standalone(my_attack)
      x_adv = attack(key, model, x, labels)

  Called with arrays, it refuses inputs and targets whose values cannot be
  meant, and runs as one compiled program. The programs of the last few models
  are kept. A model that is a pytree of its parameters, as `models.frozen` and
  `jax.tree_util.Partial(apply, params)` make it, does not compile again for new
  parameters; a closure made anew does.

  Called while something else is traced, such as a training step, it becomes
  part of that program. Values are not there yet then: only shapes and dtypes
  are checked.

  Args:
    attack: a pure function `(key, model, x, targets) -> x_adv`. It is given
      integer targets as int32, whatever integers they were.
    check_input: `(x)` raises ValueError where the attack is not for such
      inputs. By default they are images.
    check_outputs: `(outputs, targets)` raises ValueError where it is not for
      such outputs, of which it is given the shapes, or such targets. By default
      the model is a classifier: logits `[B, K]`, two classes or more, and
      labels `[B]` in 0..K-1.

  Returns:
    the attack. It raises ValueError where one of the checks does, and on
    targets whose leaves do not lead with as many examples as x has.
  """

  @functools.wraps(attack)
  def checked(key: Key, model: Model, x: PyTree, targets: PyTree) -> PyTree:
    x, targets = map(_as_arrays, (x, targets))
    check_call(model, x, targets, check_input, check_outputs)
    args = key, model, _on_device(x), jax.tree.map(_in_32_bits, targets)
    if _is_traced(args):
      return attack(*args)
    return bounded_jit.call(attack, *args)

  return checked


def check_call(
  model: Model,
  x: PyTree,
  targets: PyTree,
  check_input: Callable[[PyTree], None] = checks.images,
  check_outputs: Callable[[PyTree, PyTree], None] = checks.classification,
) -> PyTree:
  """Refuses what no attack can be called with, before anything is computed.

  Args:
    model: the model.
    x: inputs.
    targets: of each.
    check_input: as for `standalone`.
    check_outputs: likewise.

  Returns:
    the shapes of the model's outputs.
  """
  check_input(x)
  checks.leading_axis("targets", targets, tree.batch_size(x))
  if _is_traced((model, x)):
    outputs = jax.eval_shape(model, x)
  else:
    outputs = bounded_jit.eval_shape(_call, model, x)
  check_outputs(outputs, targets)
  return outputs


def _call(model: Model, x: PyTree) -> PyTree:
  return model(x)


def _as_arrays(values: PyTree) -> PyTree:
  """Lists become arrays, as numpy reads them; the rest of a pytree stays."""
  return jax.tree.map(
    lambda v: v if isinstance(v, jax.Array) else np.asarray(v),
    values,
    is_leaf=lambda v: isinstance(v, list),
  )


def _on_device(values: PyTree) -> PyTree:
  return jax.tree.map(jnp.asarray, values)


def _in_32_bits(values: Array) -> Array:
  is_integer = np.issubdtype(values.dtype, np.integer)
  return jnp.asarray(values, jnp.int32 if is_integer else None)


def _is_traced(args) -> bool:
  """Whether a program is being traced, of these arguments or around them."""
  leaves = [jnp.empty(()), *jax.tree.leaves(args)]
  return any(isinstance(leaf, jax.core.Tracer) for leaf in leaves)
