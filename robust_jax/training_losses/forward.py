"""The `Forward` of a linen module, for training losses."""

import flax.linen as nn

from robust_jax.models import auxiliary_norm
from robust_jax.models.inference import inference_fn
from robust_jax.types import Forward, Key, PyTree, State
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu


def model_forward(
  model: nn.Module,
  params: PyTree,
  state: State,
  fold_normalization: bool = True,
) -> Forward:
  """Makes the `Forward` of a module at `params`.

  Args:
    model: a linen module, called as `model(x, train=True)`.
    params: the parameters that the loss is differentiated in.
    state: the State at the beginning of the step. It provides running
      statistics, the step, and the parameters of `inference`. Both may have a
      second set of the variables of BatchNorm, see `models.auxiliary_norm`.
    fold_normalization: of `inference`, see `models.inference.inference_fn`.
  """
  forward = _forward(model, params, state, fold_normalization)
  if "batch_stats" not in state.model_state:
    return forward._replace(auxiliary=forward)
  if not auxiliary_norm.is_in(state.model_state):
    return forward
  swap = auxiliary_norm.swap
  swapped = state._replace(
    params=swap(state.params), model_state=swap(state.model_state)
  )
  other = _forward(model, swap(params), swapped, fold_normalization)

  def train(key: Key, x: PyTree, model_state: PyTree = None):
    before = None if model_state is None else swap(model_state)
    outputs, after = other.train(key, x, before)
    return outputs, swap(after)

  return forward._replace(auxiliary=other._replace(train=train))


def _forward(
  model: nn.Module, params: PyTree, state: State, fold_normalization: bool
) -> Forward:
  def train(key: Key, x: PyTree, model_state: PyTree = None):
    model_state = state.model_state if model_state is None else model_state

    def apply(params: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
      return model.apply(
        {"params": params, **model_state},
        x,
        train=True,
        mutable=list(model_state),
        rngs={"dropout": key},
      )

    return canonicalize_on_cpu(apply)(params, x)

  inference = inference_fn(
    model,
    {"params": state.params, **state.model_state},
    fold_normalization=fold_normalization,
  )
  return Forward(train, inference, state.step)
