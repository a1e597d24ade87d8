"""Laws of XCiT, beside its equations in NumPy."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax.models import XCiT, layouts
from robust_jax.models.to_torch import to_torch
from tests.contract.samples import random_variables
from tests.unit.network_reference import assert_logits_and_slope

HEADS, SIZE = 2, 16
SIZES = {"num_classes": 5, "num_blocks": (2, 2), "num_heads": HEADS}
SIZES |= {"embedding_size": SIZE}


def images(size=8, seed=1):
  return np.random.default_rng(seed).random((2, size, size, 3), np.float32)


def variables_of(model):
  """Random ones that let tokens differ."""
  return random_variables(model, images(), kernel=0.4)


def erf(x):
  return np.vectorize(math.erf)(x)


def gelu(x):
  return x * (1 + erf(x / math.sqrt(2))) / 2


def softmax(x):
  x = np.exp(x - x.max(-1, keepdims=True))
  return x / x.sum(-1, keepdims=True)


class Reference:
  """Logits by the equations, in float64, of tensors with timm's names."""

  def __init__(self, tensors):
    self.t = {name: np.float64(tensor) for name, tensor in tensors.items()}

  def linear(self, name, x):
    return x @ self.t[f"{name}.weight"].T + self.t[f"{name}.bias"]

  def affine(self, name, x):
    return x * self.t[f"{name}.weight"] + self.t[f"{name}.bias"]

  def layer_norm(self, name, x):
    x = x - x.mean(-1, keepdims=True)
    return self.affine(name, x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6))

  def batch_norm(self, name, x):
    mean, var = (self.t[f"{name}.running_{part}"] for part in ("mean", "var"))
    return self.affine(name, (x - mean) / np.sqrt(var + 1e-5))

  def conv(self, name, x, stride=1):
    """A convolution 3x3, depthwise if the kernel has one input."""
    kernel = self.t[f"{name}.weight"]
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows, columns = x.shape[1] - 2, x.shape[2] - 2
    out = self.t.get(f"{name}.bias", 0)
    for i, j in np.ndindex(3, 3):
      under = x[:, i : i + rows : stride, j : j + columns : stride]
      tap = kernel[:, :, i, j]
      out = out + (under * tap[:, 0] if tap.shape[1] == 1 else under @ tap.T)
    return out

  def positions(self, height, width):
    out = np.zeros((height, width, 64))
    for i, j, half, n in np.ndindex(height, width, 2, 32):
      at, of = ((i, height), (j, width))[half]
      angle = 2 * np.pi * (at + 1) / (of + 1e-6) / 10_000 ** (2 * (n // 2) / 32)
      out[i, j, 32 * half + n] = math.cos(angle) if n % 2 else math.sin(angle)
    kernel = self.t["pos_embed.token_projection.weight"][:, :, 0, 0]
    return out @ kernel.T + self.t["pos_embed.token_projection.bias"]

  def cross_covariance(self, name, x):
    """One image and head at a time; x is `[B, T, D]`."""
    q, k, v = np.split(self.linear(f"{name}.qkv", x), 3, axis=-1)
    out, width = np.zeros_like(x), SIZE // HEADS
    for b, head in np.ndindex(len(x), HEADS):
      part = np.s_[b, :, head * width : (head + 1) * width]
      unit = lambda a: a / np.linalg.norm(a, axis=0)
      scores = unit(q[part]).T @ unit(k[part])
      weights = softmax(scores * self.t[f"{name}.temperature"][head])
      out[part] = v[part] @ weights.T
    return self.linear(f"{name}.proj", out)

  def class_attention(self, name, x):
    q, k, v = (self.linear(f"{name}.{part}", x) for part in "qkv")
    out, width = np.zeros_like(x[:, :1]), SIZE // HEADS
    for b, head in np.ndindex(len(x), HEADS):
      part = np.s_[b, :, head * width : (head + 1) * width]
      weights = softmax(q[part][:1] @ k[part].T / math.sqrt(width))
      out[part] = weights @ v[part]
    return self.linear(f"{name}.proj", out)

  def dense(self, name, x):
    return self.linear(f"{name}.fc2", gelu(self.linear(f"{name}.fc1", x)))

  def __call__(self, x, strides):
    x, t = np.float64(x), self.t
    for i, stride in enumerate(strides):
      name = f"patch_embed.proj.{2 * i}"
      x = self.conv(f"{name}.0", gelu(x) if i else x, stride)
      x = self.batch_norm(f"{name}.1", x)
    shape = x.shape
    x = (x + self.positions(*shape[1:3])).reshape(len(x), -1, SIZE)
    for i in range(SIZES["num_blocks"][0]):
      name = f"blocks.{i}"
      norm = lambda n, x, name=name: self.layer_norm(f"{name}.norm{n}", x)
      x = x + t[f"{name}.gamma1"] * self.cross_covariance(
        f"{name}.attn", norm(1, x)
      )
      h = self.conv(f"{name}.local_mp.conv1", norm(3, x).reshape(shape))
      h = self.batch_norm(f"{name}.local_mp.bn", gelu(h))
      h = self.conv(f"{name}.local_mp.conv2", h).reshape(x.shape)
      x = x + t[f"{name}.gamma3"] * h
      x = x + t[f"{name}.gamma2"] * self.dense(f"{name}.mlp", norm(2, x))
    token = np.broadcast_to(t["cls_token"], (len(x), 1, SIZE))
    x = np.concatenate([token, x], axis=1)
    for i in range(SIZES["num_blocks"][1]):
      name = f"cls_attn_blocks.{i}"
      h = self.layer_norm(f"{name}.norm1", x)
      first = self.class_attention(f"{name}.attn", h)
      x = x + t[f"{name}.gamma1"] * np.concatenate([first, h[:, 1:]], axis=1)
      x = self.layer_norm(f"{name}.norm2", x)
      first = t[f"{name}.gamma2"] * self.dense(f"{name}.mlp", x[:, :1])
      x = x + np.concatenate([first, x[:, 1:]], axis=1)
    return self.linear("head", self.layer_norm("norm", x[:, 0]))


@pytest.mark.parametrize(
  ("patch_size", "strides"), [(4, (1, 1, 2, 2)), (2, (1, 1, 1, 2))]
)
def test_logits_and_gradients_are_those_of_the_equations(patch_size, strides):
  model, x = XCiT(**SIZES, patch_size=patch_size), images()
  variables = variables_of(model)
  tensors = to_torch(variables, rename=layouts.timm("xcit").rename)
  reference = Reference(tensors)
  assert_logits_and_slope(
    model, variables, x, lambda x: reference(x, strides), slope_rtol=1e-3
  )


@pytest.mark.parametrize(
  ("options", "published"),
  [
    ({}, 26_253_304),
    ({"embedding_size": 512}, 46_401_160),
    ({"embedding_size": 768, "num_heads": 16}, 103_792_648),
  ],
)
def test_it_has_as_many_parameters_as_in_timm(options, published):
  x = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
  for patch_size in (4, 16):
    model = XCiT(num_classes=1000, patch_size=patch_size, **options)
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == published


def test_gradients_are_finite_where_queries_are_zero():
  """Their length, which they are divided by, is 0 then."""
  model, x = XCiT(**SIZES), images()
  variables = variables_of(model)
  for block in ("blocks_0", "blocks_1"):
    qkv = variables["params"][block]["attn_qkv"]
    qkv.update(jax.tree.map(np.zeros_like, qkv))
  gradient = jax.jit(jax.grad(lambda x: model.apply(variables, x).sum()))(x)
  assert np.isfinite(gradient).all()
  assert np.abs(gradient).max() > 0


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"patch_size": 3}, "patch_size = 3: expected one of"),
    ({"embedding_size": 20}, "embedding_size = 20: expected a multiple of 8"),
    ({"num_heads": 3}, "and of num_heads = 3"),
  ],
)
def test_what_cannot_be_is_refused(options, message):
  with pytest.raises(ValueError, match=message):
    jax.eval_shape(XCiT(**SIZES | options).init, jax.random.key(0), images())
