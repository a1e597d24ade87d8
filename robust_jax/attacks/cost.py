"""The cost of an attack, counted in passes through the model.

The count is read from the traced program instead of a formula per attack: the
model's output is marked, and the marks that the result depends on are added up,
times the lengths of the loops around them.
"""

import functools
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from robust_jax import tree
from robust_jax.flop import sum_over_equations
from robust_jax.types import Array, Attack, Model, PyTree

_JIT = ("jit", "pjit")
_ADDRESS = re.compile("0x[0-9a-f]+")  # of functions, in printed options


class ModelCalls(NamedTuple):
  """Number of `forward` and `backward` passes per example."""

  forward: float
  backward: float


def count_model_calls(
  attack: Attack, logits_fn: Model, x: PyTree, labels: Array
) -> ModelCalls:
  """Counts the passes through the model that `attack` makes per example of x.

  It traces the attack and computes nothing.

  Args:
    attack: the attack.
    logits_fn: the model.
    x: inputs `[B, ...]`.
    labels: labels `[B]`.

  Returns:
    `ModelCalls`. One evaluation of twice the batch counts as two. NaN if the
    length of a loop depends on the data.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import losses, perturbations, search
    >>> from robust_jax.attacks import compose
    >>> from robust_jax.attacks.cost import count_model_calls
    >>> pset = perturbations.linf(0.1)
    >>> attack = compose(search.apgd, pset, losses.dlr, num_steps=9)
    >>> x, y = jnp.ones((2, 3)), jnp.array([0, 1])
    >>> count_model_calls(attack, lambda x: x, x, y)
    ModelCalls(forward=11.0, backward=9.0)
  """
  key = jax.eval_shape(lambda: jax.random.key(0))
  model = mark_model(logits_fn)
  program = jax.make_jaxpr(lambda key, x, y: attack(key, model, x, y))
  return count_passes(program(key, x, labels), tree.batch_size(x))


def count_step_calls(
  step: Callable[..., Any], num_examples: int, *args: PyTree
) -> ModelCalls:
  """Counts the passes through linen modules in a training step, per example.

  Every call of an outermost module counts, whichever it is. Equations of equal
  inputs count once, as XLA computes them once: an attack that both gradients of
  SAM need, for example. The step is traced and not run.

  Args:
    step: a training step, such as `parallel.simulate_step` makes.
    num_examples: number of examples of its batch.
    *args: arguments of the step; `jax.ShapeDtypeStruct` will do.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks.cost import count_step_calls
    >>> from robust_jax.models import MLP
    >>> model, x = MLP(features=(), num_classes=3), jnp.ones((2, 4))
    >>> variables = model.init(jax.random.key(0), x)
    >>> step = jax.value_and_grad(lambda v: model.apply(v, x).sum())
    >>> count_step_calls(step, 2, variables)
    ModelCalls(forward=1.0, backward=1.0)
  """
  return count_passes(trace_step(step, *args), num_examples)


def trace_step(step: Callable[..., Any], *args: PyTree) -> core.ClosedJaxpr:
  """Traces a training step, with all linen modules marked.

  Marks have no derivatives in forward mode, and a step that interprets a
  model's program may not know them: such steps fail here and not in training.

  Args:
    step: see `count_step_calls`.
    *args: see `count_step_calls`.

  Returns:
    A program for `count_passes`, in which each computation is once.

  Raises:
    ValueError: the step calls parts of a network, such as `features`, one by
      one; they are no passes.
  """
  depth = 0  # of calls inside calls

  def mark(call, args, kwargs, context):
    nonlocal depth
    if context.method_name == "setup":
      return call(*args, **kwargs)
    if depth == 0 and context.method_name != "__call__":
      kind = type(context.module).__name__
      raise ValueError(f"{kind}.{context.method_name} is a part of a network.")
    depth += 1
    try:
      outputs = call(*args, **kwargs)
    finally:
      depth -= 1
    return outputs if depth else _mark(outputs)

  with nn.intercept_methods(mark):
    program = jax.make_jaxpr(step)(*args)
  return without_repeats(program)


def without_repeats(program: core.ClosedJaxpr) -> core.ClosedJaxpr:
  """Merges equations that compute the same, also in jitted functions."""
  jaxpr = program.jaxpr
  first: dict[Any, core.JaxprEqn] = {}
  same = _equal_constants(program)
  for eqn in jaxpr.eqns:
    eqn = eqn.replace(invars=_renamed(eqn.invars, same))
    if eqn.primitive.name in _JIT:
      inner = without_repeats(eqn.params["jaxpr"])
      eqn = eqn.replace(params={**eqn.params, "jaxpr": inner})
    known = first.setdefault(_identity(eqn), eqn)
    same.update(zip(eqn.outvars, known.outvars, strict=True))
  outputs = _renamed(jaxpr.outvars, same)
  return program.replace(
    jaxpr=jaxpr.replace(eqns=list(first.values()), outvars=outputs)
  )


def _equal_constants(program: core.ClosedJaxpr) -> dict[core.Var, core.Var]:
  """Variable of a constant -> that of the first constant of the same value."""
  first: dict[Any, core.Var] = {}
  same = {}
  for variable, value in zip(
    program.jaxpr.constvars, program.consts, strict=True
  ):
    if isinstance(value, jax.Array | np.ndarray) and not jnp.issubdtype(
      value.dtype, jax.dtypes.extended
    ):
      key = (variable.aval, np.asarray(value).tobytes())
      same[variable] = first.setdefault(key, variable)
  return same


def _renamed(variables, same):
  return [
    v if isinstance(v, core.Literal) else same.get(v, v) for v in variables
  ]


def _identity(eqn: core.JaxprEqn) -> Any:
  """Equal for equations of one operation and the same inputs."""
  literals = [str(v) if isinstance(v, core.Literal) else v for v in eqn.invars]
  options = _ADDRESS.sub("", str(eqn.params))
  return eqn.primitive, options, tuple(literals)


def mark_model(logits_fn: Model) -> Model:
  """Marks the outputs of the model for `count_passes`."""
  return lambda x, *others: _mark(logits_fn(x, *others))


def count_passes(program: core.ClosedJaxpr, num_examples: int) -> ModelCalls:
  """Counts the passes through a model marked by `mark_model` in a program."""
  calls = (
    sum_over_equations(program.jaxpr, functools.partial(_rows, name))
    for name in ("_forward_pass", "_backward_pass")
  )
  return ModelCalls(*(rows / num_examples for rows in calls))


def _rows(name: str, eqn: core.JaxprEqn) -> float:
  """Rows of a mark `[..., B, D]`, which `vmap` gives more axes."""
  if eqn.params.get("name") != name:
    return 0.0
  shape = eqn.invars[0].aval.shape  # type: ignore[attr-defined]
  return float(math.prod(shape[:-1]))


def _mark(outputs: PyTree) -> PyTree:
  """Marks all leaves `[B, ...]` at once, as one array `[B, D]`."""
  leaves, treedef = jax.tree.flatten(outputs)
  if len(leaves) == 1:
    marked = _mark_rows(leaves[0].reshape(len(leaves[0]), -1))
    return jax.tree.unflatten(treedef, [marked.reshape(leaves[0].shape)])
  rows = [leaf.reshape(leaf.shape[0], -1) for leaf in leaves]
  ends = np.cumsum([row.shape[1] for row in rows])[:-1].tolist()
  parts = jnp.split(_mark_rows(jnp.concatenate(rows, axis=1)), ends, axis=1)
  marked = [
    part.reshape(leaf.shape).astype(leaf.dtype)
    for part, leaf in zip(parts, leaves, strict=True)
  ]
  return jax.tree.unflatten(treedef, marked)


@jax.jit
def _forward_pass(rows):
  return rows


@jax.jit
def _backward_pass(gradient):
  return gradient


@jax.custom_vjp
def _mark_rows(rows):
  return _forward_pass(rows)


_mark_rows.defvjp(
  lambda rows: (_forward_pass(rows), None),
  lambda _, gradient: (_backward_pass(gradient),),
)
