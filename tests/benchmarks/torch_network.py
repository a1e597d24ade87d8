"""The networks of the checkpoints in PyTorch, with the same weights."""

import os

import numpy as np


def torch_network(name, params):
  """`madry_cnn` or `small_cnn` as a torch module; images `[B, 1, 28, 28]`.

  Args:
    name: of the model.
    params: its linen parameters.
  """
  import torch

  torch.set_num_threads(len(os.sched_getaffinity(0)))
  nn = torch.nn
  if name == "madry_cnn":
    layers = [
      nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
      nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
      nn.Flatten(), nn.Linear(3136, 1024), nn.ReLU(), nn.Linear(1024, 10),
    ]  # fmt: skip
  else:
    layers = [
      nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1),
      nn.ReLU(), nn.Flatten(), nn.Linear(1568, 100), nn.ReLU(),
      nn.Linear(100, 10),
    ]  # fmt: skip
  trained = [layer for layer in layers if hasattr(layer, "weight")]
  for layer, name in zip(trained, sorted(params), strict=True):
    kernel = np.array(params[name]["kernel"])
    if kernel.ndim == 4:
      kernel = kernel.transpose(3, 2, 0, 1)
    else:
      kernel = kernel.T
      pixels = {1568: (7, 7, 32), 3136: (7, 7, 64)}.get(kernel.shape[1])
      if pixels:
        kernel = kernel.reshape(-1, *pixels).transpose(0, 3, 1, 2)
        kernel = kernel.reshape(len(kernel), -1)
    layer.weight.data = torch.from_numpy(kernel.copy())
    layer.bias.data = torch.from_numpy(np.array(params[name]["bias"]))
  return nn.Sequential(*layers).eval()


def to_torch(x, labels):
  """Images `[B, H, W, C]` and labels as torch tensors, channels first."""
  import torch

  x = np.asarray(x).transpose(0, 3, 1, 2).copy()
  return torch.from_numpy(x), torch.from_numpy(np.array(labels, np.int64))
