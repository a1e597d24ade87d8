"""The model of a training step, as a training loss calls it."""

import flax.linen as nn

from robust_jax.models.inference import inference_fn
from robust_jax.types import Forward, Key, PyTree, State
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu


def model_forward(model: nn.Module, params: PyTree, state: State) -> Forward:
  """The model at `params`, with everything else as `state` has it.

  Args:
    model: takes inputs and `train`.
    params: the parameters that the loss is differentiated in.
    state: at the beginning of the step; `inference` has its parameters.
  """

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

  inference = inference_fn(model, {"params": state.params, **state.model_state})
  return Forward(train, inference, state.step)
