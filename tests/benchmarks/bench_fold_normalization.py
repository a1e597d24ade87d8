"""PGD-10 and inference of residual networks, with folding and without.

    python -m tests.benchmarks.bench_fold_normalization [BATCH]

Seconds of the processors, the least of interleaved repetitions.
"""

import functools
import sys
import time

import jax
import jax.numpy as jnp

from robust_jax import attacks, losses, perturbations, search
from robust_jax.models import PreActResNet, ResNet, WideResNet
from robust_jax.models.inference import inference_fn
from tests.benchmarks.clock import least_seconds, report

NETWORKS = {
  "ResNet, 16 to 64 channels": ResNet(num_blocks=(1, 1, 1), width=16),
  "PreActResNet, 16 to 64": PreActResNet(num_blocks=(1, 1, 1), width=16),
  "WideResNet-10-2": WideResNet(depth=10, widen=2),
}


def programs(network, x, labels):
  variables = network.init(jax.random.key(0), x)
  attack = attacks.compose(
    search.pgd,
    perturbations.linf(8 / 255),
    losses.cross_entropy,
    num_steps=10,
    step_size=0.25,
  )
  attack, infer = jax.jit(attack), jax.jit(lambda model, x: model(x))
  found = {}
  for fold in (False, True):
    model = inference_fn(network, variables, fold_normalization=fold)
    how = "folded" if fold else "as it is"
    arguments = jax.random.key(0), model, x, labels
    found[f"PGD-10, {how}"] = functools.partial(attack, *arguments)
    found[f"inference, {how}"] = functools.partial(infer, model, x)
  return found


def main(batch=128):
  x = jax.random.uniform(jax.random.key(1), (batch, 32, 32, 3))
  labels = jnp.arange(batch) % 10
  for name, network in NETWORKS.items():
    print(f"{name}, batch {batch}")
    seconds = least_seconds(
      programs(network, x, labels), repeats=9, clock=time.process_time
    )
    for kind in ("PGD-10", "inference"):
      both = {k: v for k, v in seconds.items() if k.startswith(kind)}
      report(both, f"{kind}, as it is")


if __name__ == "__main__":
  main(*map(int, sys.argv[1:]))
