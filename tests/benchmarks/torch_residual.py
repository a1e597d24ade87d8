"""Published residual networks in PyTorch, written from their descriptions.

Modules have the names of the released code, so that state dicts are
interchangeable with it.
"""

import torch
import torch.nn.functional as F
from torch import nn

CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616))
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def _conv(inputs, outputs, size, stride=1, padding=None):
  padding = size // 2 if padding is None else padding
  return nn.Conv2d(inputs, outputs, size, stride, padding, bias=False)


def _pool(x):
  return x.mean((2, 3))


class _Pixels(nn.Module):
  """A network that normalizes pixels by the buffers mu and sigma, if any."""

  def __init__(self, pixels, names=("mu", "sigma"), persistent=True):
    super().__init__()
    self.buffer_names = names if pixels else ()
    for name, values in zip(self.buffer_names, pixels or (), strict=True):
      values = torch.tensor(values).view(1, -1, 1, 1)
      self.register_buffer(name, values, persistent=persistent)

  def normalized(self, x):
    if not self.buffer_names:
      return x
    mean, std = (getattr(self, name) for name in self.buffer_names)
    return (x - mean) / std


class _WideBlock(nn.Module):
  """Both convolutions after their normalizations; one projection."""

  def __init__(self, inputs, outputs, stride):
    super().__init__()
    self.bn1 = nn.BatchNorm2d(inputs)
    self.conv1 = _conv(inputs, outputs, 3, stride)
    self.bn2 = nn.BatchNorm2d(outputs)
    self.conv2 = _conv(outputs, outputs, 3)
    if inputs != outputs:
      self.convShortcut = _conv(inputs, outputs, 1, stride)

  def forward(self, x):
    h = F.relu(self.bn1(x))
    if hasattr(self, "convShortcut"):
      x = self.convShortcut(h)
    return x + self.conv2(F.relu(self.bn2(self.conv1(h))))


class _Group(nn.Module):
  """Blocks, of which the first changes width and size."""

  def __init__(self, name, block, count, inputs, outputs, stride):
    super().__init__()
    blocks = [block(inputs, outputs, stride)]
    blocks += [block(outputs, outputs, 1) for _ in range(count - 1)]
    self.sequence = name
    setattr(self, name, nn.Sequential(*blocks))

  def forward(self, x):
    return getattr(self, self.sequence)(x)


class WideResNet(_Pixels):
  """WRN of TRADES and RobustBench, perhaps with its unused second group."""

  def __init__(self, depth, widen, unused_group=False, pixels=None):
    super().__init__(pixels)
    count, widths = (depth - 4) // 6, [16, 16 * widen, 32 * widen, 64 * widen]
    group = lambda i, stride: _Group(
      "layer", _WideBlock, count, widths[i - 1], widths[i], stride
    )
    self.conv1 = _conv(3, 16, 3)
    self.block1 = group(1, 1)
    if unused_group:
      self.sub_block1 = group(1, 1)
    self.block2, self.block3 = group(2, 2), group(3, 2)
    self.bn1 = nn.BatchNorm2d(widths[3])
    self.fc = nn.Linear(widths[3], 10)

  def forward(self, x):
    x = self.conv1(self.normalized(x))
    x = self.block3(self.block2(self.block1(x)))
    return self.fc(_pool(F.relu(self.bn1(x))))


def _pad(x, stride):
  """TensorFlow's SAME for a kernel of 3 at even sizes."""
  return F.pad(x, (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1))


class _DeepMindWideBlock(nn.Module):
  def __init__(self, inputs, outputs, stride):
    super().__init__()
    self.stride = stride
    self.batchnorm_0 = nn.BatchNorm2d(inputs)
    self.conv_0 = _conv(inputs, outputs, 3, stride, padding=0)
    self.batchnorm_1 = nn.BatchNorm2d(outputs)
    self.conv_1 = _conv(outputs, outputs, 3)
    if inputs != outputs:
      self.shortcut = _conv(inputs, outputs, 1, stride)

  def forward(self, x):
    h = F.silu(self.batchnorm_0(x))
    if hasattr(self, "shortcut"):
      x = self.shortcut(h)
    h = self.conv_0(_pad(h, self.stride))
    return x + self.conv_1(F.silu(self.batchnorm_1(h)))


class DeepMindWideResNet(_Pixels):
  """WRN of DeepMind, with SiLU and constants of CIFAR-10."""

  def __init__(self, depth, widen):
    super().__init__(CIFAR10, ("mean", "std"), persistent=False)
    count, widths = (depth - 4) // 6, [16, 16 * widen, 32 * widen, 64 * widen]
    self.init_conv = _conv(3, 16, 3)
    self.layer = nn.Sequential(
      *(
        _Group(
          "block",
          _DeepMindWideBlock,
          count,
          widths[i],
          widths[i + 1],
          2 if i else 1,
        )
        for i in range(3)
      )
    )
    self.batchnorm = nn.BatchNorm2d(widths[3])
    self.logits = nn.Linear(widths[3], 10)

  def forward(self, x):
    x = self.layer(self.init_conv(self.normalized(x)))
    return self.logits(_pool(F.silu(self.batchnorm(x))))


class _DeepMindPreActBlock(nn.Module):
  def __init__(self, inputs, outputs, stride):
    super().__init__()
    self.stride = stride
    self.batchnorm_0 = nn.BatchNorm2d(inputs)
    self.conv_2d_1 = _conv(inputs, outputs, 3, stride, padding=0)
    self.batchnorm_1 = nn.BatchNorm2d(outputs)
    self.conv_2d_2 = _conv(outputs, outputs, 3)
    if stride != 1 or inputs != outputs:
      self.shortcut = _conv(inputs, outputs, 3, stride, padding=0)

  def forward(self, x):
    h = F.silu(self.batchnorm_0(x))
    h = self.conv_2d_1(_pad(h, self.stride))
    h = self.conv_2d_2(F.silu(self.batchnorm_1(h)))
    if hasattr(self, "shortcut"):
      x = self.shortcut(_pad(x, self.stride))
    return h + x


class DeepMindPreActResNet(_Pixels):
  """PreAct-ResNet-18 of DeepMind, with SiLU and constants of CIFAR-10."""

  def __init__(self):
    super().__init__(CIFAR10, ("mean", "std"), persistent=False)
    self.conv_2d = _conv(3, 64, 3)
    widths = [64, 64, 128, 256, 512]
    for i in range(4):
      first = _DeepMindPreActBlock(widths[i], widths[i + 1], 2 if i else 1)
      second = _DeepMindPreActBlock(widths[i + 1], widths[i + 1], 1)
      setattr(self, f"layer_{i}", nn.Sequential(first, second))
    self.batchnorm = nn.BatchNorm2d(512)
    self.logits = nn.Linear(512, 10)

  def forward(self, x):
    x = self.conv_2d(self.normalized(x))
    for i in range(4):
      x = getattr(self, f"layer_{i}")(x)
    return self.logits(_pool(F.silu(self.batchnorm(x))))


class _PreActBlock(nn.Module):
  preactivated = False

  def __init__(self, inputs, outputs, stride):
    super().__init__()
    self.bn1 = nn.BatchNorm2d(inputs)
    self.conv1 = _conv(inputs, outputs, 3, stride)
    self.bn2 = nn.BatchNorm2d(outputs)
    self.conv2 = _conv(outputs, outputs, 3)
    if stride != 1 or inputs != outputs:
      self.shortcut = nn.Sequential(_conv(inputs, outputs, 1, stride))

  def forward(self, x):
    h = F.relu(self.bn1(x))
    if hasattr(self, "shortcut"):
      x = self.shortcut(h if self.preactivated else x)
    return x + self.conv2(F.relu(self.bn2(self.conv1(h))))


class _PreActivatedBlock(_PreActBlock):
  preactivated = True


def _stages(network, block, counts, expansion=1):
  """Adds layer1 ... layer4 to a network."""
  inputs = 64
  for i, count in enumerate(counts):
    outputs, blocks = 64 * 2**i * expansion, []
    for j in range(count):
      blocks.append(block(inputs, outputs, 2 if i and not j else 1))
      inputs = outputs
    setattr(network, f"layer{i + 1}", nn.Sequential(*blocks))
  return inputs


def _through_stages(network, x):
  for i in range(4):
    x = getattr(network, f"layer{i + 1}")(x)
  return x


class PreActResNet(_Pixels):
  """PreAct-ResNet-18, with or without its last normalization."""

  def __init__(self, preactivated, final_norm, pixels=None, names=None):
    super().__init__(pixels, *([names] if names else []))
    self.conv1 = _conv(3, 64, 3)
    block = _PreActivatedBlock if preactivated else _PreActBlock
    features = _stages(self, block, (2, 2, 2, 2))
    if final_norm:
      self.bn = nn.BatchNorm2d(features)
    self.linear = nn.Linear(features, 10)

  def forward(self, x):
    x = _through_stages(self, self.conv1(self.normalized(x)))
    if hasattr(self, "bn"):
      x = F.relu(self.bn(x))
    return self.linear(_pool(x))


class _PostActBlock(nn.Module):
  """Convolutions of these sizes and widths, each with a normalization."""

  projection = "shortcut"
  bottleneck = 0  # factor of the convolution 3x3; 0 for a basic block

  def __init__(self, inputs, outputs, stride):
    super().__init__()
    inner = outputs // 4 * self.bottleneck
    layers = [(inputs, outputs, 3, stride), (outputs, outputs, 3, 1)]
    if self.bottleneck:
      layers = [(inputs, inner, 1, 1), (inner, inner, 3, stride)]
      layers.append((inner, outputs, 1, 1))
    self.count = len(layers)
    for i, layer in enumerate(layers, start=1):
      setattr(self, f"conv{i}", _conv(*layer))
      setattr(self, f"bn{i}", nn.BatchNorm2d(layer[1]))
    project = []
    if stride != 1 or inputs != outputs:
      project = [_conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)]
    setattr(self, self.projection, nn.Sequential(*project))

  def forward(self, x):
    h = x
    for i in range(1, self.count + 1):
      h = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(h))
      h = F.relu(h) if i < self.count else h
    return F.relu(h + getattr(self, self.projection)(x))


class ResNet(_Pixels):
  """ResNet for CIFAR, or for ImageNet with the names of torchvision."""

  def __init__(self, counts, bottleneck=0, imagenet=False, pixels=None):
    super().__init__(pixels)
    projection = "downsample" if imagenet else "shortcut"
    fields = {"projection": projection, "bottleneck": bottleneck}
    block = type("Block", (_PostActBlock,), fields)
    self.imagenet = imagenet
    self.conv1 = _conv(3, 64, 7, 2) if imagenet else _conv(3, 64, 3)
    self.bn1 = nn.BatchNorm2d(64)
    features = _stages(self, block, counts, 4 if bottleneck else 1)
    self.last = "fc" if imagenet else "linear"
    classes = 1000 if imagenet else 10
    setattr(self, self.last, nn.Linear(features, classes))

  def forward(self, x):
    x = F.relu(self.bn1(self.conv1(self.normalized(x))))
    if self.imagenet:
      x = F.max_pool2d(x, 3, 2, 1)
    return getattr(self, self.last)(_pool(_through_stages(self, x)))


def small_cnn():
  """The network of Wong for MNIST."""
  return nn.Sequential(
    nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1),
    nn.ReLU(), nn.Flatten(), nn.Linear(1568, 100), nn.ReLU(),
    nn.Linear(100, 10),
  )  # fmt: skip


def with_random_statistics(network, seed=0):
  """Draws what normalizations hold; kernels keep PyTorch's random start."""
  generator = torch.Generator().manual_seed(seed)
  draw = lambda like, low, high: (
    torch.rand(like.shape, generator=generator) * (high - low) + low
  )
  for module in network.modules():
    if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
      module.weight.data = draw(module.weight, 0.5, 1.5)
      module.bias.data = draw(module.bias, -0.5, 0.5)
    if isinstance(module, nn.BatchNorm2d):
      module.running_mean = draw(module.running_mean, -0.5, 0.5)
      module.running_var = draw(module.running_var, 0.5, 1.5)
  return network.eval()
