"""Standard AutoAttack beside the authors' own code, on the same weights.

    python -m tests.benchmarks.bench_autoattack WEIGHTS NORM EPS

e.g. `mnist_convex_eps0.1.npz linf 0.1`, on the first test images of MNIST or of
`--dataset`. Both are timed end to end, ours with its compilation, one after the
other in this process. Needs torch and `pyautoattack` (neither is a
requirement); without them ours runs alone.
"""

import argparse
import importlib.util
import time

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import losses
from robust_jax.attacks.autoattack import suite
from robust_jax.attacks.autoattack.autoattack import stages
from robust_jax.attacks.lp_ball import in_ball
from robust_jax.data.load import load
from robust_jax.models.inference import inference_fn
from robust_jax.xla_cpu.canonicalize import canonicalize
from tests.benchmarks.clock import least_seconds
from tests.benchmarks.torch_network import to_torch, torch_network
from tests.benchmarks.trained import trained

_BATCH, _NUM_PASSES = 128, 40
_NAMES = {"linf": "Linf", "l2": "L2", "l1": "L1"}


def bare_passes(model, x, labels) -> tuple[float, float]:
  """Seconds per image of a forward pass, and of one with its gradient."""
  fast = canonicalize(model)
  x, labels = jnp.asarray(x[:_BATCH]), jnp.asarray(labels[:_BATCH])

  def gradient(x):
    return jax.grad(lambda x: losses.margin(fast(x), labels).sum())(x)

  def repeated(change):
    step = lambda i, x: x + 1e-9 * change(x)
    return jax.jit(lambda x: jax.lax.fori_loop(0, _NUM_PASSES, step, x))

  programs = [repeated(lambda x: fast(x).sum()), repeated(gradient)]
  seconds = least_seconds(
    {name: lambda p=p: p(x) for name, p in zip("fg", programs, strict=True)}
  )
  return tuple(seconds[name] / _NUM_PASSES / len(x) for name in "fg")


def ours(model, x, labels, norm, eps, seed, batch_size=128):
  """Robust flags, and what each stage took."""
  started = time.perf_counter()
  outcome = suite.run(
    stages(norm, eps, "standard", 10),
    jax.random.key(seed),
    model,
    x,
    labels,
    check=in_ball(norm, eps),
    batch_size=batch_size,
  )
  return outcome, time.perf_counter() - started


def theirs(name, params, x, labels, norm, eps, seed, device="cpu"):
  """Robust flags of the authors' code, and its seconds."""
  import pyautoattack

  network = torch_network(name, params).to(device)
  x, labels = (tensor.to(device) for tensor in to_torch(x, labels))
  attack = pyautoattack.AutoAttack(
    network, norm=_NAMES[norm], eps=eps, version="standard", device=device,
    seed=seed,
  )  # fmt: skip
  started = time.perf_counter()
  _, answers = attack.run_standard_evaluation(x, labels, batch_size=250)
  return (answers == labels).cpu().numpy(), time.perf_counter() - started


def main():
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument("weights", help="file of tensors")
  parser.add_argument("norm", choices=_NAMES)
  parser.add_argument("eps", type=float)
  parser.add_argument("--model", default="small_cnn")
  parser.add_argument("--num-examples", type=int, default=1000)
  parser.add_argument("--seed", type=int, default=0, help="of both")
  parser.add_argument("--dataset", default="mnist")
  flags = parser.parse_args()
  source = load(flags.dataset, f"test[:{flags.num_examples}]")
  test = source.read(np.arange(len(source)))
  x, labels = np.float32(test["x"]) / 255, test["y"]
  model, variables = trained(flags.weights, flags.model, x.shape[1:])
  logits_fn = inference_fn(model, variables)
  compare(logits_fn, variables["params"], x, labels, flags)


def compare(logits_fn, params, x, labels, flags):
  """Prints both results."""
  goal = (flags.norm, flags.eps, flags.seed)
  outcome, seconds = ours(logits_fn, x, labels, *goal)
  for stage in outcome.stages:
    print(
      f"{stage['name']:9} {stage['accuracy']:7.2%} {stage['seconds']:8.1f} s  "
      f"{stage['forward']:11,} forward {stage['backward']:11,} backward"
    )
  forward, gradient = bare_passes(logits_fn, x, labels)
  num_backward = sum(s["backward"] for s in outcome.stages)
  num_forward = sum(s["forward"] for s in outcome.stages) - num_backward
  bare = num_forward * forward + num_backward * gradient
  print(
    f"ours: {seconds:.1f} s = {seconds / bare:.2f} x the bare passes "
    f"({1e6 * forward:.1f} and {1e6 * gradient:.1f} us per image)"
  )
  standing = outcome.misclassified_by == -1
  if importlib.util.find_spec("pyautoattack"):
    robust, reference = theirs(flags.model, params, x, labels, *goal)
    print(
      f"pyautoattack: {reference:.1f} s = {reference / seconds:.2f} x ours; "
      f"accuracy {robust.mean():.2%}, ours {standing.mean():.2%}; "
      f"{(robust & ~standing).sum()} images fall to ours alone, "
      f"{(standing & ~robust).sum()} to theirs alone"
    )


if __name__ == "__main__":
  main()
