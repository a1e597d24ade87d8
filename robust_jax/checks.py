"""Checks of arguments, before anything is computed.

Each raises ValueError with the value found, what is expected and a remedy.
Shapes and dtypes are always checked, also while tracing; values only where they
are concrete.
"""

from collections.abc import Collection, Mapping
from typing import Any, get_args

import jax
import numpy as np

from robust_jax.types import AnyArray, Norm, Objective, PyTree


def images(x: AnyArray) -> None:
  """Checks that x is `[B, ...]`, floating, not empty, finite and in [0, 1]."""
  _batch("images", x)
  if not _is_floating(x):
    raise ValueError(
      f"images of dtype {x.dtype}: expected floats in [0, 1]; convert 8-bit "
      "images by x.astype('float32') / 255."
    )
  if _concrete(x):
    low, high = map(float, _range(x))
    # NaN fails both comparisons.
    if not (low >= 0 and high <= 1):
      raise ValueError(
        f"images with values from {low:g} to {high:g}: expected [0, 1]. Leave "
        "normalization to the model's first layer and divide 8-bit images by "
        "255."
      )


def activations(x: AnyArray) -> None:
  """Checks that x is `[B, ...]`, floating, not empty and finite."""
  _batch("activations", x)
  if not _is_floating(x):
    raise ValueError(f"activations of dtype {x.dtype}: expected floats.")
  if _concrete(x):
    low, high = map(float, _range(x))
    if not np.isfinite([low, high]).all():
      raise ValueError(
        f"activations with values from {low:g} to {high:g}: expected finite "
        "values."
      )


def text(x: Any, vocabulary_size: float = np.inf) -> None:
  """Checks that x is `{"tokens": [B, T], "mask": [B, T]}` with tokens in range.

  The mask is 1 at tokens and 0 at padding. Further entries are allowed.
  """
  if not (isinstance(x, Mapping) and {"tokens", "mask"} <= x.keys()):
    raise ValueError(
      f"text {_described(x)}: expected a dict of 'tokens' [B, T] and 'mask' "
      "[B, T]."
    )
  tokens, mask = x["tokens"], x["mask"]
  if tokens.ndim != 2 or tokens.size == 0 or mask.shape != tokens.shape:
    raise ValueError(
      f"tokens of shape {tokens.shape} and a mask of shape {mask.shape}: "
      "expected both [B, T], of at least one example."
    )
  _in_vocabulary("tokens", tokens, vocabulary_size)


def token_table(name: str, table: AnyArray) -> None:
  """Checks that table is `[V, S]`: S tokens for each of the vocabulary."""
  if table.ndim != 2 or table.size == 0:
    raise ValueError(
      f"{name} of shape {table.shape}: expected [V, S], S tokens for each of "
      "the vocabulary's."
    )
  _in_vocabulary(name, table, len(table))


def _in_vocabulary(what: str, tokens: AnyArray, vocabulary_size: float) -> None:
  if not np.issubdtype(tokens.dtype, np.integer):
    raise ValueError(f"{what} of dtype {tokens.dtype}: expected integers.")
  if _concrete(tokens):
    low, high = map(int, _range(tokens))
    if low < 0 or high >= vocabulary_size:
      raise ValueError(
        f"{what} from {low} to {high}: expected 0..{vocabulary_size - 1}, a "
        f"vocabulary of {vocabulary_size}."
      )


def leading_axis(what: str, tree: PyTree, batch_size: int) -> None:
  """Checks that all leaves are arrays with the leading axis `batch_size`."""
  for leaf in jax.tree.leaves(tree):
    if leaf.shape[:1] != (batch_size,):
      raise ValueError(
        f"{what} of shape {leaf.shape}: expected [{batch_size}, ...], one for "
        "each example."
      )


def classification(outputs: Any, targets: Any) -> None:
  """Checks that outputs are logits `[B, K]`, and targets labels `[B]`."""
  if not (_is_array(targets) and targets.shape):
    raise ValueError(
      f"labels {_described(targets)}: expected one array [B] of class indices."
    )
  logits(outputs, targets.shape[0])
  labels(targets, *outputs.shape)


def same_classes(outputs: Any, reference: Any) -> None:
  """Checks that outputs and reference are logits `[B, K]` of one shape."""
  if not (_is_array(reference) and reference.shape):
    raise ValueError(
      f"reference logits {_described(reference)}: expected one array [B, K]."
    )
  logits(outputs, reference.shape[0])
  if reference.shape != outputs.shape or not _is_floating(reference):
    raise ValueError(
      f"reference logits {_described(reference)}, {reference.dtype}: expected "
      f"floats {list(outputs.shape)}, as the model returns."
    )


def soft_labels(outputs: Any, probabilities: Any) -> None:
  """Checks that outputs are logits and probabilities soft labels, `[B, K]`."""
  shape = probabilities.shape if _is_array(probabilities) else ()
  logits(outputs, *shape[:1] or [0])
  if shape != outputs.shape or not _is_floating(probabilities):
    raise ValueError(
      f"soft labels {_described(probabilities)}: expected floats "
      f"{list(outputs.shape)}, a probability for each class that the model "
      "returns. Class indices [B] are for cross_entropy."
    )
  if _concrete(probabilities):
    values = np.asarray(probabilities, np.float32)
    if not (np.all(values >= 0) and np.allclose(values.sum(-1), 1, atol=1e-3)):
      raise ValueError("soft labels: expected 0 or more, with a sum of 1 each.")


def objective(fn: Objective, outputs: PyTree, targets: PyTree) -> None:
  """Checks that an objective takes these arguments, and returns `[B]`.

  An objective with an attribute `check`, as the losses of this package have, is
  checked by that. Others are traced, with the shapes of the outputs only but
  with the targets as they are, so that an objective can refuse values of
  targets.
  """
  check = getattr(fn, "check", None)
  if check is not None:  # ten times as fast as to trace
    check(outputs, targets)
    return
  value = jax.eval_shape(lambda outputs: fn(outputs, targets), outputs)
  batch_size = jax.tree.leaves((targets, outputs))[0].shape[0]
  if not (_is_array(value) and value.shape == (batch_size,)):
    raise ValueError(
      f"the objective returned {_described(value)}: expected one number for "
      f"each example, [{batch_size}]."
    )


def labels(labels: AnyArray, batch_size: int, num_classes: int) -> None:
  """Checks that labels are `[B]`, integer, in [0, num_classes)."""
  if labels.shape != (batch_size,):
    raise ValueError(
      f"labels of shape {labels.shape}: expected [{batch_size}], one class "
      "index per example (argmax one-hot labels first)."
    )
  if not np.issubdtype(labels.dtype, np.integer):
    raise ValueError(f"labels of dtype {labels.dtype}: expected integers.")
  if _concrete(labels):
    low, high = map(int, _range(labels))
    if low < 0 or high >= num_classes:
      raise ValueError(
        f"labels from {low} to {high}: expected 0..{num_classes - 1}, since "
        f"the model has {num_classes} classes."
      )


def logits(logits: Any, batch_size: int) -> None:
  """Checks that the model's output is `[B, K]`, floating, of K >= 2 classes.

  Args:
    logits: the output for `batch_size` examples, or its shape from
      `jax.eval_shape`.
    batch_size: B.
  """
  expected = f"expected logits, one array [{batch_size}, K]"
  if not _is_array(logits):
    raise ValueError(
      f"the model returned a {type(logits).__name__}: {expected}. Pass a "
      "function that picks the logits, such as lambda x: model(x)[0]."
    )
  if len(logits.shape) != 2 or logits.shape[0] != batch_size:
    raise ValueError(
      f"the model returned shape {logits.shape} for {batch_size} examples: "
      f"{expected}."
    )
  if logits.shape[1] < 2:
    raise ValueError(
      f"the model returned shape {logits.shape}: {expected} of two classes or "
      "more. With one class no example is ever misclassified; turn a single "
      "logit z into two by jnp.concatenate([0 * z, z], axis=1)."
    )
  if not _is_floating(logits):
    raise ValueError(
      f"the model returned {logits.dtype}: {expected} of floats, not classes."
    )


def not_traced(what: str, args: Any) -> None:
  """Checks that no array among the arguments is being traced."""
  if not all(map(_concrete, jax.tree.leaves(args))):
    raise ValueError(
      f"{what} runs partly on the host: call it with arrays, outside of jit, "
      "grad and vmap. It compiles its own programs."
    )


def non_negative(name: str, value: Any) -> None:
  """Checks that value is a number or array >= 0."""
  if _concrete(value) and not np.all(np.asarray(value) >= 0):
    raise ValueError(f"{name} = {value}: expected 0 or more.")


def positive(name: str, value: Any) -> None:
  """Checks that value is a number or array > 0."""
  if _concrete(value) and not np.all(np.asarray(value) > 0):
    raise ValueError(f"{name} = {value}: expected more than 0.")


def at_most(name: str, value: Any, bound: float) -> None:
  """Checks that value is a number or array <= bound."""
  if _concrete(value) and not np.all(np.asarray(value) <= bound):
    raise ValueError(f"{name} = {value}: expected {bound} or less.")


def norm(value: Any, expected: Collection[str] = get_args(Norm)) -> None:
  """Checks that value is the name of one of the expected norms."""
  if value not in expected:
    *others, last = (f"'{name}'" for name in expected)
    raise ValueError(
      f"norm = {value!r}: expected {', '.join(others)} or {last}."
    )


def at_least_one(name: str, value: Any) -> None:
  """Checks that value is a whole number >= 1."""
  # NaN and infinity fail as well: their remainder is NaN.
  if not _is_number(value) or not value >= 1 or value % 1 != 0:
    raise ValueError(f"{name} = {value}: expected a whole number, 1 or more.")


def plain_value(name: str, value: Any) -> None:
  """Checks that value is not NaN, and not a whole number beyond 32 bits."""
  if not _is_number(value):
    return
  if value != value:
    raise ValueError(f"{name} = {value}: expected a number.")
  if isinstance(value, int) and abs(value) >= 2**32:
    raise ValueError(f"{name} = {value}: expected less than {2**32}.")


def _is_number(value: Any) -> bool:
  return isinstance(value, int | float | np.number)


def _is_array(value: Any) -> bool:
  return hasattr(value, "shape") and hasattr(value, "dtype")


def _described(value: Any) -> str:
  if _is_array(value):
    return f"of shape {value.shape}"
  return f"of type {type(value).__name__}"


def _batch(what: str, x: AnyArray) -> None:
  if not _is_array(x):
    raise ValueError(f"{what} of type {type(x).__name__}: expected one array.")
  if x.ndim < 2 or x.shape[0] == 0:
    raise ValueError(
      f"{what} of shape {x.shape}: expected a batch [B, ...] of at least one "
      "example."
    )


def _is_floating(x: AnyArray) -> bool:
  return np.issubdtype(x.dtype, np.floating) or x.dtype.name == "bfloat16"


def _range(values: AnyArray) -> tuple[AnyArray, AnyArray]:
  # Values may be concrete inside a function that is being traced.
  with jax.ensure_compile_time_eval():
    return values.min(), values.max()


def _concrete(value: Any) -> bool:
  return not isinstance(value, jax.core.Tracer)
