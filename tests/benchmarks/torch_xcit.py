"""XCiT in PyTorch, written from its description.

Modules have the names of timm's code, so that state dicts are interchangeable
with it.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.benchmarks.torch_conv_next import DenseLayers


def _norm(size):
  return nn.LayerNorm(size, eps=1e-6)


def _factor(size):
  return nn.Parameter(0.5 + torch.rand(size))


def _local_conv(size):
  return nn.Conv2d(size, size, 3, padding=1, groups=size)


def _heads(x, count):
  """`[B, T, D]` -> `[B, count, T, D / count]`."""
  return x.unflatten(-1, (count, -1)).transpose(1, 2)


class _CrossCovariance(nn.Module):
  def __init__(self, size, heads):
    super().__init__()
    self.heads = heads
    self.temperature = nn.Parameter(1 + torch.rand(heads, 1, 1))
    self.qkv = nn.Linear(size, 3 * size)
    self.proj = nn.Linear(size, size)

  def forward(self, x):
    q, k, v = (_heads(a, self.heads) for a in self.qkv(x).chunk(3, -1))
    q, k = (F.normalize(a, dim=-2) for a in (q, k))
    weights = (q.mT @ k * self.temperature).softmax(-1)
    return self.proj((v @ weights.mT).transpose(1, 2).flatten(2))


class _ClassAttention(nn.Module):
  def __init__(self, size, heads):
    super().__init__()
    self.heads = heads
    self.q, self.k, self.v, self.proj = (
      nn.Linear(size, size) for _ in range(4)
    )

  def forward(self, x):
    q, k, v = (
      _heads(part, self.heads)
      for part in (self.q(x[:, :1]), self.k(x), self.v(x))
    )
    h = F.scaled_dot_product_attention(q, k, v)
    return self.proj(h.transpose(1, 2).flatten(2))


class _LocalInteraction(nn.Module):
  def __init__(self, size):
    super().__init__()
    self.conv1 = _local_conv(size)
    self.bn = nn.BatchNorm2d(size)
    self.conv2 = _local_conv(size)

  def forward(self, x, shape):
    x = x.mT.unflatten(-1, shape)
    return self.conv2(self.bn(F.gelu(self.conv1(x)))).flatten(2).mT


class _Block(nn.Module):
  def __init__(self, size, heads):
    super().__init__()
    self.norm1, self.norm2, self.norm3 = (_norm(size) for _ in range(3))
    self.attn = _CrossCovariance(size, heads)
    self.local_mp = _LocalInteraction(size)
    self.mlp = DenseLayers(size)
    self.gamma1, self.gamma2, self.gamma3 = (_factor(size) for _ in range(3))

  def forward(self, x, shape):
    x = x + self.gamma1 * self.attn(self.norm1(x))
    x = x + self.gamma3 * self.local_mp(self.norm3(x), shape)
    return x + self.gamma2 * self.mlp(self.norm2(x))


class _ClassBlock(nn.Module):
  def __init__(self, size, heads):
    super().__init__()
    self.norm1, self.norm2 = _norm(size), _norm(size)
    self.attn = _ClassAttention(size, heads)
    self.mlp = DenseLayers(size)
    self.gamma1, self.gamma2 = _factor(size), _factor(size)

  def forward(self, x):
    h = self.norm1(x)
    x = x + self.gamma1 * torch.cat([self.attn(h), h[:, 1:]], 1)
    x = self.norm2(x)
    return x + torch.cat([self.gamma2 * self.mlp(x[:, :1]), x[:, 1:]], 1)


class _Patches(nn.Module):
  def __init__(self, size, strides):
    super().__init__()
    layers, inputs = [], 3
    for i, stride in enumerate(strides):
      outputs = size // 2 ** (3 - i)
      conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
      layers += [nn.Sequential(conv, nn.BatchNorm2d(outputs)), nn.GELU()]
      inputs = outputs
    self.proj = nn.Sequential(*layers[:-1])

  def forward(self, x):
    return self.proj(x)


class _Positions(nn.Module):
  def __init__(self, size):
    super().__init__()
    self.token_projection = nn.Conv2d(64, size, 1)

  def forward(self, height, width):
    periods = 10_000 ** (torch.arange(0, 32, 2) / 32)
    parts = []
    for length in (height, width):
      at = 2 * math.pi * torch.arange(1, length + 1) / (length + 1e-6)
      angles = at[:, None] / periods
      parts.append(torch.stack([angles.sin(), angles.cos()], -1).flatten(1))
    rows, columns = (part.T for part in parts)
    rows = rows[:, :, None].expand(-1, -1, width)
    columns = columns[:, None].expand(-1, height, -1)
    return self.token_projection(torch.cat([rows, columns])[None])


class XCiT(nn.Module):
  """XCiT of 12 blocks, with strides of its four first convolutions."""

  def __init__(self, size, heads, strides, classes):
    super().__init__()
    self.patch_embed = _Patches(size, strides)
    self.pos_embed = _Positions(size)
    self.cls_token = nn.Parameter(0.1 * torch.randn(1, 1, size))
    self.blocks = nn.ModuleList(_Block(size, heads) for _ in range(12))
    self.cls_attn_blocks = nn.Sequential(
      *(_ClassBlock(size, heads) for _ in range(2))
    )
    self.norm = _norm(size)
    self.head = nn.Linear(size, classes)

  def forward(self, x):
    x = self.patch_embed(x)
    shape = x.shape[2:]
    x = (x + self.pos_embed(*shape)).flatten(2).mT
    for block in self.blocks:
      x = block(x, shape)
    x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1)
    return self.head(self.norm(self.cls_attn_blocks(x)[:, 0]))
