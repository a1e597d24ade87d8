"""ConvNeXt in PyTorch, written from its description.

Modules have the names of timm's code, and those of the convolutional stems the
names of Singh et al. 2023, so that state dicts are interchangeable with it.
"""

import torch
import torch.nn.functional as F
from torch import nn


class _ChannelNorm(nn.LayerNorm):
  """Normalizes the channels of each pixel."""

  def __init__(self, channels):
    super().__init__(channels, eps=1e-6)

  def forward(self, x):
    return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class DenseLayers(nn.Module):
  """Two dense layers on channels that come last."""

  def __init__(self, width):
    super().__init__()
    self.fc1 = nn.Linear(width, 4 * width)
    self.fc2 = nn.Linear(4 * width, width)

  def forward(self, x):
    return self.fc2(F.gelu(self.fc1(x)))


class _Block(nn.Module):
  def __init__(self, width):
    super().__init__()
    self.conv_dw = nn.Conv2d(width, width, 7, padding=3, groups=width)
    self.norm = nn.LayerNorm(width, eps=1e-6)
    self.mlp = DenseLayers(width)
    # At the usual start, 1e-6, the rest of the block has no effect.
    self.gamma = nn.Parameter(0.5 + torch.rand(width))

  def forward(self, x):
    h = self.mlp(self.norm(self.conv_dw(x).movedim(1, -1)))
    return x + (self.gamma * h).movedim(-1, 1)


class _Stage(nn.Module):
  def __init__(self, inputs, width, count):
    super().__init__()
    self.downsample = nn.Identity()
    if inputs != width:
      self.downsample = nn.Sequential(
        _ChannelNorm(inputs), nn.Conv2d(inputs, width, 2, 2)
      )
    self.blocks = nn.Sequential(*(_Block(width) for _ in range(count)))

  def forward(self, x):
    return self.blocks(self.downsample(x))


class _Stem(nn.Module):
  """A convolutional stem: convolutions 3x3 of these (outputs, stride)."""

  def __init__(self, layers):
    super().__init__()
    parts, inputs = [], 3
    for outputs, stride in layers:
      parts.append(nn.Conv2d(inputs, outputs, 3, stride, padding=1))
      parts += [_ChannelNorm(outputs), nn.GELU()]
      inputs = outputs
    self.stem = nn.Sequential(*parts)

  def forward(self, x):
    return self.stem(x)


class _Head(nn.Module):
  def __init__(self, width, classes):
    super().__init__()
    self.norm = nn.LayerNorm(width, eps=1e-6)
    self.fc = nn.Linear(width, classes)

  def forward(self, x):
    return self.fc(self.norm(x.mean((2, 3))))


class ConvNeXt(nn.Module):
  """ConvNeXt with as many convolutions in its stem, or timm's stem for 0."""

  def __init__(self, counts, widths, stem=0, classes=1000):
    super().__init__()
    width = widths[0]
    self.stem = nn.Sequential(nn.Conv2d(3, width, 4, 4), _ChannelNorm(width))
    if stem == 2:
      self.stem = _Stem([(width // 2, 2), (width, 2)])
    if stem == 3:
      self.stem = _Stem([(width // 2, 2), (width * 3 // 4, 2), (width, 1)])
    inputs = (width, *widths[:-1])
    self.stages = nn.Sequential(*map(_Stage, inputs, widths, counts))
    self.head = _Head(widths[-1], classes)

  def forward(self, x):
    return self.head(self.stages(self.stem(x)))
