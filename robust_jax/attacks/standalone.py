"""Attacks that check their arguments and compile themselves."""

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
  """Adds checks of the arguments and compilation to a pure attack function.

  Called with arrays, the attack raises ValueError for unsuitable inputs and
  targets, and runs as one compiled program. The programs of the last few models
  are kept. A model that is a pytree of its parameters, such as those of
  `models.inference.inference_fn` or `jax.tree_util.Partial(apply, params)`, is
  not compiled again for new parameters; a new closure is.

  Called while something else is traced, such as a training step, the attack
  becomes part of that program. Only shapes and dtypes can be checked then.

  Args:
    attack: a pure function `(key, model, x, targets) -> x_adv`. Integer targets
      are converted to int32.
    check_input: `(x)` raises ValueError for unsuitable inputs; by default for
      anything but images.
    check_outputs: `(outputs, targets)` raises ValueError for unsuitable
      outputs, whose shapes it receives, or targets. By default the model is a
      classifier: logits `[B, K]` of two or more classes, and labels `[B]` in
      0..K-1.

  Returns:
    the attack. It raises ValueError if one of the checks does, or if a leaf of
    the targets does not have the leading axis of x.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import standalone
    >>> invert = standalone(lambda key, model, x, labels: 1 - x)
    >>> x, y = jnp.array([[0.25, 1.0]]), jnp.array([0])
    >>> invert(jax.random.key(0), lambda x: x, x, y)
    Array([[0.75, 0.  ]], dtype=float32)
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
  """Checks the arguments of an attack before anything is computed.

  Args:
    model: the model.
    x: inputs.
    targets: targets of the inputs.
    check_input: as for `standalone`.
    check_outputs: as for `standalone`.

  Returns:
    the shapes of the model's outputs.

  Raises:
    ValueError: one of the checks fails.
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
  """Converts lists to numpy arrays; other leaves are unchanged."""
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
  """Returns whether the arguments, or a program around them, are traced."""
  leaves = [jnp.empty(()), *jax.tree.leaves(args)]
  return any(isinstance(leaf, jax.core.Tracer) for leaf in leaves)
