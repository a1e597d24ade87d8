"""Trained models as functions: what attacks, evaluations and reports call."""

import dataclasses
from collections.abc import Callable

import flax.linen as nn
import jax

from robust_jax.types import Array, Key, Model, PyTree


def inference_fn(
  model: nn.Module, variables: PyTree, *, method: str = "__call__"
) -> Model:
  """x -> logits with running BatchNorm statistics and no dropout.

  The result is a pytree of the variables, so it may be an argument of a jitted
  function, which other variables of the same shape, of this model or one equal
  to it, do not recompile.

  Args:
    model: a linen module, with `train` False by default.
    variables: "params" and the model's other collections.
    method: the one of its methods that answers.
  """
  return jax.tree_util.Partial(_Apply(model, method), variables)


@dataclasses.dataclass(frozen=True)
class _Apply:
  """`model.apply`, equal where the models are; bound methods are not."""

  model: nn.Module
  method: str

  def __call__(self, variables: PyTree, *inputs: Array) -> Array:
    return self.model.apply(variables, *inputs, method=self.method)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class SplitModel:
  """A `Model` in two parts, and a pytree where these are.

  Attributes:
    features: x `[B, ...]` -> activations `[B, ...]`.
    head: activations -> logits `[B, K]`.
  """

  features: Callable[[Array], Array]
  head: Callable[[Array], Array]

  def __call__(self, x: Array) -> Array:
    """x `[B, ...]` in [0, 1] -> logits `[B, K]`."""
    return self.head(self.features(x))


def features_and_head(model: nn.Module, variables: PyTree) -> SplitModel:
  """The frozen model as what leads to its features, and the rest.

  Args:
    model: a linen module with the methods `features` and `head`, and
      `model(x) == head(features(x))`.
    variables: "params" and the model's other collections.

  Raises:
    ValueError: the module lacks one of the methods.
  """
  for method in ("features", "head"):
    if not callable(getattr(model, method, None)):
      raise ValueError(
        f"{type(model).__name__} has no method '{method}': expected one that "
        "answers x by a hidden layer, `features`, and one that answers that by "
        "logits, `head`. Functions of your own make a SplitModel too."
      )
  return SplitModel(
    inference_fn(model, variables, method="features"),
    inference_fn(model, variables, method="head"),
  )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class DomainAdaptedModel:
  """A `Model` for the target, and a pytree where its parts are.

  Attributes:
    source: how it answers the source: by BatchNorm statistics of the source,
      or an encoder that was trained there.
    target: how it answers the target. In many methods the two are one.
  """

  source: SplitModel
  target: SplitModel

  def __call__(self, x: Array) -> Array:
    """x `[B, ...]` of the target, in [0, 1] -> logits `[B, K]`."""
    return self.target(x)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Autoencoder:
  """Two functions, and a pytree where these are.

  Attributes:
    encode: x `[B, H, W, C]` in [0, 1] -> codes `[B, D]`.
    decode: (codes, label vectors `[B, L]`) -> images like x.
  """

  encode: Callable[[Array], Array]
  decode: Callable[[Array, Array], Array]

  def redraw(self, x: Array, labels: Array) -> Array:
    """x under label vectors `[B, L]`: what it would look like."""
    return self.decode(self.encode(x), labels)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Generator:
  """What a trained generator draws, and a pytree where its function is.

  Attributes:
    generate: latents z `[B, Z]` -> x `[B, ...]`.
    latent_size: Z.
  """

  generate: Callable[[Array], Array]
  latent_size: int = dataclasses.field(metadata={"static": True})

  def sample(self, key: Key, num_samples: int) -> Array:
    """As many x, of standard normal latents."""
    return self.generate(
      jax.random.normal(key, (num_samples, self.latent_size))
    )
