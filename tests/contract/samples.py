"""Members that are called with samples of what they ask for."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from robust_jax.types import PyTree


def called(factory: Callable, samples: Mapping[str, Any]) -> Any:
  """Calls the factory with the samples and, beside them, its defaults.

  Args:
    factory: a function or class.
    samples: value of each parameter of that name; others are left out.

  Raises:
    AssertionError: a parameter has neither a default nor a sample.
  """
  given = {}
  for name, parameter in inspect.signature(factory).parameters.items():
    variadic = (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    if name in samples:
      given[name] = samples[name]
    elif (
      parameter.default is parameter.empty and parameter.kind not in variadic
    ):
      raise AssertionError(
        f"{factory.__name__} asks for '{name}': add a sample of it to those "
        "of its contract."
      )
  return factory(**given)


def first_accepted(
  what: str, accepts: Callable[[Any], Any], samples: Iterable[Any]
) -> Any:
  """The first sample that a member takes, found by trying.

  Args:
    what: the member, for the message.
    accepts: raises where a sample is not for the member.
    samples: to try.

  Raises:
    AssertionError: it takes none of them.
  """
  refusals = []
  for sample in samples:
    try:
      accepts(sample)
    except Exception as error:  # whatever it makes of what is not for it
      refusals.append(f"{type(error).__name__}: {error}"[:120])
    else:
      return sample
  raise AssertionError(
    f"{what} takes none of the samples: add one of its kind to those of its "
    f"contract. It says {refusals}"
  )


def random_variables(
  model: nn.Module, *inputs: PyTree, kernel: float = 0.1
) -> PyTree:
  """Of trained models: no two channels alike, activations of order one.

  Args:
    model: the model.
    *inputs: of a call of it.
    kernel: the largest entry of a kernel.
  """
  rng = np.random.default_rng(2)
  center = {"scale": 1.0, "var": 1.0}
  reaches = {"kernel": kernel, "equalized": 1.7}  # the latter is divided again

  def draw(path, leaf):
    name = path[-1].key
    reach = reaches.get(name, 0.3)
    values = rng.uniform(-reach, reach, leaf.shape)
    return np.float32(values + center.get(name, 0.0))

  shapes = jax.eval_shape(model.init, jax.random.key(0), *inputs)
  return jax.tree_util.tree_map_with_path(draw, shapes)
