"""Training passes of one network on two domains.

The choice of BatchNorm statistics matters: separate statistics for each domain
align the domains by themselves (Li et al. 2017, "Revisiting batch normalization
for practical domain adaptation"). It is therefore an explicit option of every
task of two domains, and has to be the same when methods are compared.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from robust_jax import losses, metrics
from robust_jax.adaptation.records import View
from robust_jax.models.inference import DomainAdaptedModel, features_and_head
from robust_jax.types import Array, Batch, Key, Metrics, PyTree

MODES = ("none", "joint", "separate")


class Pass(NamedTuple):
  """Outputs of the network on one domain.

  Attributes:
    features: `[B, D]`.
    logits: `[B, K]`.
  """

  features: Array
  logits: Array


def initialize(
  model: nn.Module,
  batch_norm: str,
  key: Key,
  batch: Batch,
  warm_start: Callable[[PyTree], PyTree] | None = None,
) -> tuple[PyTree, PyTree]:
  """Initializes a network of two domains.

  Args:
    model: a classifier with `features` and `head`.
    batch_norm: one of `MODES`.
    key: key of the initial values.
    batch: a batch of two domains, for its shapes.
    warm_start: applied to the model's initial variables.

  Returns:
    The parameters, and the other collections (for "separate" a pair of them).

  Raises:
    ValueError: `batch_norm` is not one of `MODES`, or does not fit the model.
  """
  state = model.init(key, batch["source"]["x"][:1])
  if warm_start is not None:
    state = warm_start(state)
  state = dict(state)
  params = state.pop("params")
  _check_batch_norm(batch_norm, bool(state))
  if batch_norm == "separate":
    return params, {"source": state, "target": jax.tree.map(jnp.copy, state)}
  return params, state


def forward_one(
  model: nn.Module, params: PyTree, state: PyTree, x: Array, key: Key
) -> tuple[Pass, PyTree]:
  """Runs a training pass on x; returns outputs and new collections."""

  def apply(state, rows, method, key):
    out, changed = model.apply(
      {"params": params, **state},
      rows,
      train=True,
      method=method,
      mutable=list(state),
      rngs={"dropout": key},
    )
    return out, {**state, **changed}

  key_features, key_head = jax.random.split(key)
  features, state = apply(state, x, "features", key_features)
  logits, state = apply(state, features, "head", key_head)
  return Pass(features, logits), state


def forward_both(
  model: nn.Module,
  batch_norm: str,
  params: PyTree,
  state: PyTree,
  batch: Batch,
  key: Key,
) -> tuple[Pass, Pass, PyTree]:
  """Runs a training pass on both domains.

  With "joint" BatchNorm uses the statistics of both batches together, with
  "separate" those of each domain.

  Returns:
    The outputs on the source, those on the target, and the new collections.
  """
  xs, xt = batch["source"]["x"], batch["target"]["x"]
  if batch_norm == "separate":
    keys = jax.random.split(key)
    source, ours = forward_one(model, params, state["source"], xs, keys[0])
    target, theirs = forward_one(model, params, state["target"], xt, keys[1])
    return source, target, {"source": ours, "target": theirs}
  whole, state = forward_one(
    model, params, state, jnp.concatenate([xs, xt]), key
  )
  source = jax.tree.map(lambda leaf: leaf[: len(xs)], whole)
  target = jax.tree.map(lambda leaf: leaf[len(xs) :], whole)
  return source, target, state


def label_loss(logits: Array, batch: Batch) -> tuple[Array, Metrics]:
  """Computes the cross-entropy `[B]` on the source, and its metrics."""
  labels, mask = batch["source"]["y"], batch["source"]["mask"]
  each = losses.cross_entropy(logits, labels)
  return each, {
    "loss": metrics.average(each, mask),
    "accuracy": metrics.accuracy(logits, labels, mask),
  }


def adapted_model(
  model: nn.Module, batch_norm: str, params: PyTree, state: PyTree
) -> DomainAdaptedModel:
  """Makes the frozen network, with the running statistics of each domain."""

  def for_domain(name):
    return features_and_head(model, _variables(batch_norm, params, state, name))

  return DomainAdaptedModel(for_domain("source"), for_domain("target"))


def target_variables(batch_norm: str, params: PyTree, state: PyTree) -> PyTree:
  """Returns the model's variables, with running statistics of the target."""
  return _variables(batch_norm, params, state, "target")


def example_view(
  model: nn.Module, batch_norm: str, params: PyTree, state: PyTree, batch: Batch
) -> View:
  """Makes the `View` of one source example, to initialize an adversary with."""
  network = adapted_model(model, batch_norm, params, state).source
  features = network.features(batch["source"]["x"][:1])
  domain = batch["source"]["domain"][:1]
  return View(features, network.head(features), domain, jnp.ones(1))


def feature_layers(model: nn.Module, batch: Batch) -> list[str]:
  """Lists the names of the parameters of `features`; the rest is the head."""
  make = functools.partial(model.init, method="features")
  x = batch["source"]["x"][:1]
  return sorted(jax.eval_shape(make, jax.random.key(0), x)["params"])


def _variables(batch_norm, params, state, domain):
  own = state[domain] if batch_norm == "separate" else state
  return {"params": params, **own}


def _check_batch_norm(batch_norm, has_state):
  if batch_norm not in MODES:
    raise ValueError(
      f"batch_norm = '{batch_norm}': expected one of {', '.join(MODES)}."
    )
  if has_state and batch_norm == "none":
    raise ValueError(
      "the model has BatchNorm, but the task's batch_norm is 'none': choose "
      "the statistics it uses, task.batch_norm = 'joint' (of both domains) or "
      "'separate', or a model without (model.batch_norm = 'none')."
    )
  if not has_state and batch_norm != "none":
    raise ValueError(
      f"the task's batch_norm is '{batch_norm}', but the model has no "
      "BatchNorm: choose a model that has (model.batch_norm = 'per_device') or "
      "task.batch_norm = 'none'."
    )
