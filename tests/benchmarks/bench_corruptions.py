"""Images per second of every corruption, as a markdown table.

    python -m tests.benchmarks.bench_corruptions [--peer PYTHON]

Each is one jitted program for a batch and the mean is over severities 1, 3 and
5, each the least of several runs. With --peer, a Python that has
imagecorruptions, its time for one image is taken in between, by its own clock.
"""

import argparse
import functools
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from robust_jax import lookup
from robust_jax.corruptions import random, suites
from tests.benchmarks.clock import least_seconds

SEVERITIES = (1, 3, 5)
BATCHES = {224: 16, 32: 256}
_PEER = "tests/benchmarks/imagecorruptions_peer.py"


def images(side: int, batch: int) -> jax.Array:
  """Smooth random images, as photographs are."""
  coarse = np.random.default_rng(0).integers(0, 256, (batch, 8, 8, 3))
  pictures = [
    np.asarray(Image.fromarray(c).resize((side, side)))
    for c in coarse.astype(np.uint8)
  ]
  return jnp.asarray(np.stack(pictures), jnp.float32) / 255


def milliseconds(
  name: str, side: int, peer: subprocess.Popen | None, batch: int
) -> tuple[float, float]:
  """Per image, ours in a batch and the peer's alone."""
  x, program = images(side, batch), jax.jit(lookup.find("corruptions", name))
  total = np.zeros(2)
  for severity in SEVERITIES:
    keys = random.image_keys(0, jnp.arange(batch), name, severity)
    programs, answers = {}, [np.nan]
    programs["ours"] = functools.partial(program, keys, x, severity)
    if peer is not None:
      request = f"{name} {severity} {side}"
      programs["peer"] = lambda: answers.append(_ask(peer, request))  # noqa: B023
    ours = least_seconds(programs, repeats=3)["ours"] / batch
    total += 1e3 * np.array([ours, np.nanmin(answers)]) / len(SEVERITIES)
  return tuple(total)


def _ask(peer: subprocess.Popen, request: str) -> float:
  """Seconds that the peer took for one image, by its own clock."""
  print(request, file=peer.stdin, flush=True)
  return float(peer.stdout.readline())


def table(side: int, peer: subprocess.Popen | None) -> None:
  print(f"\n{side} x {side} pixels, batches of {BATCHES[side]}\n")
  print("| corruption | images/s | ms/image | imagecorruptions | faster |")
  print("|---|---|---|---|---|")
  rows = {}
  for name in (*suites.IMAGENET_C, *suites.IMAGENET_C_EXTRA):
    rows[name] = milliseconds(name, side, peer, BATCHES[side])
    print_row(name, rows[name])
  fifteen = np.sum([rows[name] for name in suites.IMAGENET_C], axis=0)
  print_row("all fifteen of ImageNet-C", fifteen)


def print_row(name: str, row: tuple[float, float]) -> None:
  ours, peer = row
  print(
    f"| `{name}` | {1e3 / ours:.0f} | {ours:.3f} | {peer:.2f} | "
    f"{peer / ours:.1f} x |",
    flush=True,
  )


def main() -> None:
  parser = argparse.ArgumentParser()
  parser.add_argument("--peer", help="a Python that has imagecorruptions")
  python = parser.parse_args().peer
  peer = python and subprocess.Popen(
    [python, "-W", "ignore", _PEER],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
  )
  print(f"jax {jax.__version__} on {jax.devices()[0].device_kind}")
  for side in BATCHES:
    table(side, peer)
  if peer:
    peer.stdin.close()
    peer.wait()


if __name__ == "__main__":
  main()
