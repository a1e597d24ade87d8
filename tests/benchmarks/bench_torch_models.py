"""The examples of docs/guides/other_frameworks.md with PyTorch, run and timed.

    python -m tests.benchmarks.bench_torch_models

Runs the page's blocks that begin with "```python torch", in which a network of
PyTorch is attacked by queries and is a model for `compare`, and attacks the
batches of a `DataLoader` with `on_numpy`. Prints what they found. Needs torch,
which is no requirement.
"""

import pathlib
import re
import time

import jax
import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from robust_jax import attacks, losses, perturbations, search
from robust_jax.attacks.on_numpy import on_numpy

PAGE = (
  pathlib.Path(__file__).resolve().parents[2]
  / "docs/guides/other_frameworks.md"
)


def examples_of_the_page() -> None:
  """Runs the blocks, and checks what they say of the result."""
  known: dict = {}
  text = PAGE.read_text(encoding="utf-8")
  for block in re.findall(r"```python torch\n(.*?)```", text, flags=re.DOTALL):
    exec(block, known)
  result, x, scores = (known[name] for name in ("result", "x", "scores"))
  assert np.abs(result.x_adv - x).max() <= 0.2 + 1e-6
  changed = scores(result.x_adv).argmax(axis=1) != known["labels"]
  np.testing.assert_array_equal(changed, result.success)
  images = [np.full((8, 8, 1), 255, np.uint8)]
  np.testing.assert_allclose(
    known["predict"](images), scores(np.ones((1, 8, 8, 1), np.float32))
  )
  print(
    f"Square attack: {result.success.mean():.0%} in {result.queries} queries"
  )


def batches_of_a_loader() -> None:
  """Attacks every batch of a loader; the first alone compiles."""
  traces = []
  weights = jax.random.normal(jax.random.key(0), (64, 4))

  def model(x):
    traces.append(x.shape)
    return x.reshape(len(x), -1) @ weights

  pgd = attacks.compose(
    search.pgd,
    perturbations.linf(8 / 255),
    losses.cross_entropy,
    num_steps=10,
    step_size=0.25,
  )
  perturb = on_numpy(pgd, model, channels_first=True, batch_size=64)
  data = TensorDataset(torch.rand(300, 1, 8, 8), torch.zeros(300).long())
  for seed, (x, labels) in enumerate(DataLoader(data, batch_size=64)):
    began = time.perf_counter()
    x_adv = torch.from_numpy(perturb(x, labels, seed))
    seconds = time.perf_counter() - began
    assert (x_adv - x).abs().max() <= 8 / 255 + 1e-6
    print(f"{len(x)} images: {seconds:.3f} s, {len({*traces})} shapes so far")


if __name__ == "__main__":
  examples_of_the_page()
  batches_of_a_loader()
