"""Laws of ConvNeXt, beside its equations in NumPy."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax.models import ConvNeXt, layouts
from robust_jax.models.layers import layer_norm
from robust_jax.models.to_torch import to_torch
from tests.contract.samples import random_variables
from tests.unit.network_reference import assert_logits_and_slope

KEY = jax.random.key(0)
SIZES = {"num_classes": 5, "num_blocks": (1, 2), "widths": (8, 12)}
STEMS = ("patch", "conv_2", "conv_3")


def images(size=16, seed=1):
  return np.random.default_rng(seed).random((2, size, size, 3), np.float32)


def reference(t, x, stem):
  """Logits by the equations, in float64, of tensors with timm's names."""
  t = {name: np.float64(tensor) for name, tensor in t.items()}

  def norm(name, x):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)
    return x * t[f"{name}.weight"] + t[f"{name}.bias"]

  def taps(x, size, stride, padding):
    """Yields (row, column) of a kernel and the pixels under it."""
    x = np.pad(x, ((0, 0), (padding,) * 2, (padding,) * 2, (0, 0)))
    rows, columns = ((n - size) // stride + 1 for n in x.shape[1:3])
    for i, j in np.ndindex(size, size):
      yield (
        (i, j),
        x[:, i:, j:][:, : stride * rows : stride, : stride * columns : stride],
      )

  def conv(name, x, stride, padding=0):
    kernel = t[f"{name}.weight"]
    under = taps(x, kernel.shape[-1], stride, padding)
    return t[f"{name}.bias"] + sum(
      pixels @ kernel[:, :, i, j].T for (i, j), pixels in under
    )

  def depthwise(name, x):
    kernel = t[f"{name}.weight"]
    return t[f"{name}.bias"] + sum(
      pixels * kernel[:, 0, i, j] for (i, j), pixels in taps(x, 7, 1, 3)
    )

  def linear(name, x):
    return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]

  erf = np.vectorize(math.erf)
  gelu = lambda x: x * (1 + erf(x / math.sqrt(2))) / 2
  x = np.float64(x)
  if stem == "patch":
    x = norm("stem.1", conv("stem.0", x, 4))
  else:
    for i, stride in enumerate((2, 2, 1)[: int(stem[-1])]):
      x = conv(f"stem.stem.{3 * i}", x, stride, 1)
      x = gelu(norm(f"stem.stem.{3 * i + 1}", x))
  for stage, count in enumerate(SIZES["num_blocks"]):
    if stage:
      x = norm(f"stages.{stage}.downsample.0", x)
      x = conv(f"stages.{stage}.downsample.1", x, 2)
    for block in range(count):
      name = f"stages.{stage}.blocks.{block}"
      h = norm(f"{name}.norm", depthwise(f"{name}.conv_dw", x))
      h = gelu(linear(f"{name}.mlp.fc1", h))
      x = x + t[f"{name}.gamma"] * linear(f"{name}.mlp.fc2", h)
  return linear("head.fc", norm("head.norm", x.mean((1, 2))))


@pytest.mark.parametrize("stem", STEMS)
def test_logits_and_gradients_are_those_of_the_equations(stem):
  model, x = ConvNeXt(**SIZES, stem=stem), images()
  variables = random_variables(model, x)
  tensors = to_torch(variables, rename=layouts.timm("conv_next").rename)
  assert_logits_and_slope(
    model, variables, x, lambda x: reference(tensors, x, stem), slope_rtol=1e-4
  )


@pytest.mark.parametrize(
  ("options", "published"),
  [
    ({}, 28_589_128),
    ({"num_blocks": (3, 3, 27, 3)}, 50_223_688),
    (
      {"num_blocks": (3, 3, 27, 3), "widths": (128, 256, 512, 1024)},
      88_591_464,
    ),
    (
      {"num_blocks": (3, 3, 27, 3), "widths": (192, 384, 768, 1536)},
      197_767_336,
    ),
  ],
)
def test_it_has_the_published_number_of_parameters(options, published):
  x = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
  model = ConvNeXt(num_classes=1000, **options)
  shapes = jax.eval_shape(model.init, KEY, x)
  assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == published


def test_blocks_begin_as_almost_the_identity():
  """Their factors begin at 1e-6."""
  model, x = ConvNeXt(**SIZES), images()
  variables = jax.jit(model.init)(KEY, x)
  params = variables["params"]
  shallow = {k: v for k, v in params.items() if "blocks" not in k}
  without = model.copy(num_blocks=(0, 0))
  features = lambda model, params: jax.jit(
    lambda params: model.apply({"params": params}, x, method="features")
  )(params)
  difference = features(model, params) - features(without, shallow)
  assert 0 < np.abs(difference).max() < 1e-4


def test_bfloat16_keeps_what_blocks_scale_down():
  """To halve the factors halves what they add, where 1 + it would be 1."""
  model = ConvNeXt(3, num_blocks=(1,), widths=(8,), dtype=jnp.bfloat16)
  x = images()
  variables = random_variables(model, x)
  block = variables["params"]["stages_0_blocks_0"]

  @jax.jit
  def features(factor):
    scaled = {**block, "gamma": factor * block["gamma"]}
    params = {**variables["params"], "stages_0_blocks_0": scaled}
    return model.apply({"params": params}, x, method="features")

  whole, half = (features(f) - features(0.0) for f in (2e-3, 1e-3))
  assert (np.abs(whole).max(axis=1) > 1e-5).all()
  np.testing.assert_allclose(
    whole, 2 * half, rtol=0, atol=0.05 * np.abs(whole).max()
  )


def test_layer_norm_is_of_the_channels_of_each_pixel():
  x = jax.random.normal(KEY, (2, 3, 4, 16))
  norm = layer_norm(None)
  y, variables = jax.jit(norm.init_with_output)(KEY, x)
  apply = jax.jit(lambda x: norm.apply(variables, x))
  np.testing.assert_allclose(y.mean(-1), 0 * y.mean(-1), atol=1e-6)
  np.testing.assert_allclose((y**2).mean(-1), 1 + 0 * y.mean(-1), rtol=1e-4)
  scale, shift = jax.random.uniform(KEY, (2, 2, 3, 4, 1), minval=1.0, maxval=9)
  np.testing.assert_allclose(apply(scale * x + shift), y, rtol=1e-4, atol=1e-5)
  # A variance as the difference of two means would have no digits left.
  far = apply(4096 + jnp.round(64 * x) / 64)
  np.testing.assert_allclose(far, apply(jnp.round(64 * x) / 64), atol=1e-4)
  assert apply(x.astype(jnp.bfloat16)).dtype == jnp.bfloat16


@pytest.mark.parametrize(
  ("options", "size", "message"),
  [
    ({"stem": "conv"}, 16, "stem = 'conv': expected patch or conv_2 or conv_3"),
    ({"widths": (8,)}, 16, "expected one number of each for every stage"),
    ({}, 7, "images of 7x7 pixels: expected at least 8x8 for 2 stages"),
  ],
)
def test_what_cannot_be_is_refused(options, size, message):
  model = ConvNeXt(**SIZES | options)
  with pytest.raises(ValueError, match=message):
    jax.eval_shape(model.init, KEY, images(size))
