"""What an attack costs, counted in passes through the model.

The count is read off the traced program, not off a formula that each attack
would have to promise: the model's answer is marked, and the marks that the
result depends on are added up, times the lengths of the loops around them.
"""

import math
from typing import NamedTuple

import jax
import numpy as np
from jax.extend import core

from robust_jax import tree
from robust_jax.types import Array, Attack, Model, PyTree


class ModelCalls(NamedTuple):
  """Passes per example: `forward` and `backward` through the model."""

  forward: float
  backward: float


def count_model_calls(
  attack: Attack, logits_fn: Model, x: PyTree, labels: Array
):
  """Counts the passes that `attack` makes over each example of x.

  Traces, and computes nothing. NaN where a loop's length depends on the data.

  Returns:
    `ModelCalls`; evaluating twice the batch once counts as two.
  """
  key = jax.eval_shape(lambda: jax.random.key(0))
  model = marked(logits_fn)
  program = jax.make_jaxpr(lambda key, x, y: attack(key, model, x, y))
  return passes_in(program(key, x, labels), tree.batch_size(x))


def marked(logits_fn: Model) -> Model:
  """The model, its answers marked for `passes_in`."""
  return lambda x, *others: _mark(logits_fn(x, *others))


def passes_in(program: core.ClosedJaxpr, num_examples: int) -> ModelCalls:
  """Counts the passes through the `marked` model in a traced program."""
  return ModelCalls(*(_count(program.jaxpr) / num_examples))


@jax.jit
def _forward_pass(logits):
  return logits


@jax.jit
def _backward_pass(gradient):
  return gradient


@jax.custom_vjp
def _mark(logits):
  return _forward_pass(logits)


_mark.defvjp(
  lambda logits: (_forward_pass(logits), None),
  lambda _, gradient: (_backward_pass(gradient),),
)


def _count(jaxpr: core.Jaxpr) -> np.ndarray:
  """(forward, backward) rows that the outputs of `jaxpr` depend on."""
  needed = {v for v in jaxpr.outvars if isinstance(v, core.Var)}
  rows = np.zeros(2)
  for eqn in reversed(jaxpr.eqns):
    if not eqn.effects and needed.isdisjoint(eqn.outvars):
      continue
    needed.update(v for v in eqn.invars if isinstance(v, core.Var))
    rows += _count_equation(eqn)
  return rows


def _count_equation(eqn: core.JaxprEqn) -> np.ndarray:
  name = eqn.params.get("name")
  if name in ("_forward_pass", "_backward_pass"):
    size = math.prod(eqn.invars[0].aval.shape[:-1])  # [..., B, K] under vmap
    return np.asarray([size, 0] if name == "_forward_pass" else [0, size])
  inner = [_count(sub) for sub in core.jaxprs_in_params(eqn.params)]
  if not inner:
    return np.zeros(2)
  if eqn.primitive.name == "cond":  # one branch runs: the dearest
    return np.max(inner, axis=0)
  if eqn.primitive.name == "while" and np.any(inner):
    return np.full(2, math.nan)
  if eqn.primitive.name.startswith("custom_"):
    return inner[0]
  return eqn.params.get("length", 1) * np.sum(inner, axis=0)
