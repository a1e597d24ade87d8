"""Trained models as pure functions, for attacks, evaluations and reports.

`inference_fn` makes a function of a linen module and its variables. The records
below group the functions of models that have several. All of them are pytrees
of the variables.
"""

import dataclasses
from collections.abc import Callable
from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from robust_jax.models.fold_normalization import fold_normalization
from robust_jax.types import Array, Key, Model, PyTree


def inference_fn(
  model: nn.Module,
  variables: PyTree,
  *,
  method: str = "__call__",
  fold_normalization: bool = True,
) -> Model:
  """Binds a module to its variables, for inference.

  BatchNorm uses its running statistics and dropout is off. The result is a
  pytree of the variables, so it may be an argument of a jitted function: other
  variables of the same shapes, of this model or of one equal to it, do not
  recompile.

  Args:
    model: a linen module whose `train` is False by default.
    variables: "params" and the model's other collections.
    method: name of the method to call.
    fold_normalization: whether BatchNorm right after a convolution or a dense
      layer is part of its kernel and bias, see `fold_normalization`. It saves
      passes over the activations, and changes the order of roundings.

  Returns:
    x `[B, ...]` -> outputs, such as logits `[B, K]`.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import MLP
    >>> from robust_jax.models.inference import inference_fn
    >>> model, x = MLP(features=(), num_classes=3), jnp.ones((2, 4))
    >>> logits_fn = inference_fn(model, model.init(jax.random.key(0), x))
    >>> logits_fn(x).shape
    (2, 3)
  """
  return jax.tree_util.Partial(
    _Apply(model, method, fold_normalization), variables
  )


@dataclasses.dataclass(frozen=True)
class _Apply:
  """`model.apply`, equal where the models are; bound methods are not."""

  model: nn.Module
  method: str
  fold_normalization: bool

  def __call__(self, variables: PyTree, *inputs: Array) -> Array:
    def apply(*inputs: Array) -> Array:
      return cast(
        Array, self.model.apply(variables, *inputs, method=self.method)
      )

    if self.fold_normalization and "batch_stats" in variables:
      apply = fold_normalization(apply)
    return apply(*inputs)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class SplitModel:
  """A `Model` that is the composition of a feature extractor and a head.

  Attributes:
    features: x `[B, ...]` -> activations `[B, ...]`.
    head: activations -> logits `[B, K]`.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models.inference import SplitModel
    >>> model = SplitModel(jax.nn.relu, lambda h: h @ jnp.ones((4, 3)))
    >>> model(-jnp.ones((1, 4))).tolist()
    [[0.0, 0.0, 0.0]]
  """

  features: Callable[[Array], Array]
  head: Callable[[Array], Array]

  def __call__(self, x: Array) -> Array:
    """Computes logits `[B, K]` of inputs `[B, ...]` in [0, 1]."""
    return self.head(self.features(x))


def features_and_head(model: nn.Module, variables: PyTree) -> SplitModel:
  """Splits a trained model into its feature extractor and its head.

  Args:
    model: a linen module with the methods `features` and `head`, of which
      `model(x)` is `head(features(x))`.
    variables: "params" and the model's other collections.

  Raises:
    ValueError: the module lacks one of the methods.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import SmallCNN
    >>> from robust_jax.models.inference import features_and_head
    >>> model, x = SmallCNN(num_classes=3), jnp.ones((2, 8, 8, 1))
    >>> split = features_and_head(model, model.init(jax.random.key(0), x))
    >>> split.features(x).shape, split(x).shape
    ((2, 100), (2, 3))
  """
  for method in ("features", "head"):
    if not callable(getattr(model, method, None)):
      raise ValueError(
        f"{type(model).__name__} has no method '{method}': expected the "
        "methods `features`, from x to a hidden layer, and `head`, from there "
        "to logits. For functions of your own make a SplitModel."
      )
  return SplitModel(
    inference_fn(model, variables, method="features"),
    inference_fn(model, variables, method="head"),
  )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class DomainAdaptedModel:
  """A `Model` of the target domain, together with that of the source domain.

  Attributes:
    source: the model for source inputs, with BatchNorm statistics of the source
      or with an encoder trained there.
    target: the model for target inputs. In many methods the two are one.
  """

  source: SplitModel
  target: SplitModel

  def __call__(self, x: Array) -> Array:
    """Computes logits `[B, K]` of target inputs `[B, ...]` in [0, 1]."""
    return self.target(x)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Autoencoder:
  """An autoencoder whose decoder is conditioned on labels.

  Attributes:
    encode: x `[B, H, W, C]` in [0, 1] -> codes `[B, D]`.
    decode: (codes `[B, D]`, label vectors `[B, L]`) -> images like x.
  """

  encode: Callable[[Array], Array]
  decode: Callable[[Array, Array], Array]

  def reconstruct(self, x: Array, labels: Array) -> Array:
    """Decodes the codes of x under label vectors `[B, L]`.

    With its own labels x is reconstructed; with others its attributes are
    swapped.
    """
    return self.decode(self.encode(x), labels)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Generator:
  """A trained generator with a standard normal latent.

  Attributes:
    generate: latents z `[B, Z]` -> x `[B, ...]`; if it is class-conditional,
      (z, label vectors `[B, K]`) -> x.
    latent_size: Z.
    num_classes: K, or 0 if it takes no labels.

  Example:
    >>> import jax
    >>> from robust_jax.models.inference import Generator
    >>> Generator(lambda z: 2 * z, 3).sample(jax.random.key(0), 5).shape
    (5, 3)
  """

  generate: Callable[..., Array]
  latent_size: int = dataclasses.field(metadata={"static": True})
  num_classes: int = dataclasses.field(default=0, metadata={"static": True})

  def sample(
    self, key: Key, num_samples: int, truncation: float | None = None
  ) -> Array:
    """Generates x of random latents, and of random classes if it takes labels.

    Args:
      key: a random key.
      num_samples: number of samples.
      truncation: see `latents`.

    Returns:
      `[num_samples, ...]`; all classes are equally likely.
    """
    key_latents, key_classes = jax.random.split(key)
    z = self.latents(key_latents, num_samples, truncation)
    num_classes = max(1, self.num_classes)
    classes = jax.random.randint(key_classes, (num_samples,), 0, num_classes)
    return self.of_classes(z, classes)

  def latents(
    self, key: Key, num_samples: int, truncation: float | None = None
  ) -> Array:
    """Draws latents `[num_samples, Z]`.

    Args:
      key: a random key.
      num_samples: number of latents.
      truncation: largest absolute value of an entry; larger ones are drawn
        again, so that samples are closer to the typical one and vary less.
        None for no limit.

    Source: Brock et al. 2019, "Large scale GAN training for high fidelity
    natural image synthesis", section 3.1.
    """
    shape = (num_samples, self.latent_size)
    if truncation is None:
      return jax.random.normal(key, shape)
    return jax.random.truncated_normal(key, -truncation, truncation, shape)

  def of_classes(self, z: Array, classes: Array) -> Array:
    """Generates x of latents z `[B, Z]` and classes `[B]`.

    Without labels, classes have no effect.
    """
    if not self.num_classes:
      return self.generate(z)
    return self.generate(z, jax.nn.one_hot(classes, self.num_classes))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class ImageTranslator:
  """A trained generator of images from images.

  Attributes:
    translate: `(x [B, H, W, C] in [0, 1], keys [B]) -> images [B, H, W, C']`,
      each with the noise of its own key.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models.inference import ImageTranslator
    >>> noise = jax.vmap(lambda x, key: x + jax.random.normal(key, x.shape))
    >>> translator = ImageTranslator(noise)
    >>> translator.sample(jax.random.key(0), jnp.zeros((5, 8, 8, 1))).shape
    (5, 8, 8, 1)
  """

  translate: Callable[[Array, Array], Array]

  def sample(self, key: Key, x: Array) -> Array:
    """Translates images x, each with noise of its own.

    The noise depends on the key and on the place of an image alone.
    """
    fold_in = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
    return self.translate(x, fold_in(key, jnp.arange(len(x))))


def image_translator(model: nn.Module, variables: PyTree) -> ImageTranslator:
  """Binds a module with dropout to its variables, for inference with dropout.

  Args:
    model: a linen module of images, which has dropout where it gets a key.
    variables: "params" and the model's other collections.
  """
  return ImageTranslator(jax.tree_util.Partial(_WithDropout(model), variables))


@dataclasses.dataclass(frozen=True)
class _WithDropout:
  """`model.apply` of each image with a key of its own."""

  model: nn.Module

  def __call__(self, variables: PyTree, x: Array, keys: Array) -> Array:
    def of_one(x: Array, key: Key) -> Array:
      rngs = {"dropout": key}
      return cast(Array, self.model.apply(variables, x[None], rngs=rngs))[0]

    return jax.vmap(of_one)(x, keys)
