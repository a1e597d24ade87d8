"""A step of a GAN against the passes it is made of, and images per second.

    python -m tests.benchmarks.bench_gan [CONFIG ...]

The step is a move of both players with their optimizers, of the named configs
of `experiments/configs/gan`, without the average of the weights and with all
penalties at every step. The unit is the sum of separately compiled passes on
the same batch: a forward pass of the generator; the gradient of the
discriminator's loss, and of each penalty; the gradient of the generator's loss
through the discriminator; and both updates. They are compiled as those of a
step are (`canonicalize`), and timed in the same run, interleaved, in seconds of
the processors.
"""

import functools
import importlib
import sys
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict

from experiments import build
from experiments.build import sections
from robust_jax import parallel
from robust_jax.tasks.gan import PLAYERS
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu
from tests.benchmarks.clock import least_seconds

KEY, NUM_STEPS, NUM_SAMPLES = jax.random.key(0), 1000, 256
FACTS = {"num_classes": 10, "image_shape": (28, 28, 1)}


def main(*names: str) -> None:
  print(f"jax {jax.__version__}\n")
  print("| config | batch | passes, ms | step, ms | ratio | samples/s |")
  print("|---|---|---|---|---|---|", flush=True)
  for name in names or ("mnist_dcgan", "mnist_r3gan"):
    module = importlib.import_module(f"experiments.configs.gan.{name}")
    config = module.get_config()
    with config.unlocked():
      del config.average
      if "penalties" in config:
        # Else the least time would be that of a step without them.
        config.penalties = tuple(
          {**penalty, "every": 1} for penalty in config.penalties
        )
    bench(name, config)


def bench(name: str, config: ConfigDict) -> None:
  task = build.task(config, FACTS, NUM_STEPS)
  rows = batch(config.training.batch_size)
  state = jax.jit(task.init)(KEY, rows)
  step = parallel.pmap_step(task.step)
  held = {"state": parallel.replicate(jax.tree.map(jnp.array, state))}

  def run():
    held["state"], report = step(held["state"], (), rows, KEY)
    return report

  passes, made_of = bare_passes(config, state, rows)
  clock = {"repeats": 10, "clock": time.process_time}
  seconds = least_seconds({"step": run, **passes}, **clock)
  generator = task.deployed(state)
  sample = jax.jit(lambda key: generator.sample(key, NUM_SAMPLES))
  sampling = least_seconds({"": lambda: sample(KEY)})[""]
  unit = sum(count * seconds[part] for part, count in made_of.items())
  print(
    f"| `{name}` | {len(rows['x'])} | {1e3 * unit:.1f} | "
    f"{1e3 * seconds['step']:.1f} | {seconds['step'] / unit:.2f} | "
    f"{NUM_SAMPLES / sampling:.0f} |",
    flush=True,
  )


def batch(batch_size: int) -> dict[str, np.ndarray]:
  rng = np.random.default_rng(0)
  return {
    "x": rng.random((batch_size, 28, 28, 1), np.float32),
    "y": np.arange(batch_size, dtype=np.int32) % 10,
    "mask": np.ones(batch_size, np.float32),
  }


def bare_passes(
  config: ConfigDict, state, rows
) -> tuple[dict[str, Callable[[], object]], dict[str, int]]:
  """Each pass alone, and how many of each a step is made of."""
  models = sections.build("models", config.models, FACTS)
  optimizers = sections.build("optimizers", config.optimizers, FACTS, NUM_STEPS)
  loss = sections.build("adversarial_loss", config.adversarial_loss)
  x, params = jnp.asarray(rows["x"]), state.params
  labels = ()
  if getattr(models["generator"], "conditional", False):
    labels = (jax.nn.one_hot(rows["y"], FACTS["num_classes"]),)
  z = jax.random.normal(KEY, (len(x), config.task.latent_size))

  def apply(name, own, inputs):
    variables = {"params": own, **state.model_state[name]}
    outputs, _ = models[name].apply(
      variables,
      inputs,
      *labels,
      train=True,
      mutable=list(state.model_state[name]),
      rngs={"dropout": KEY},
    )
    return outputs

  generate = functools.partial(apply, "generator")
  discriminate = functools.partial(apply, "discriminator")

  def discriminator_loss(own, fake):
    return loss.discriminator(
      discriminate(own, x), discriminate(own, fake)
    ).mean()

  def penalty(own):
    slope = jax.grad(lambda x: discriminate(own, x).sum())(x)
    return jnp.square(slope).sum() / len(x)

  def generator_loss(own, opponent):
    real, fake = (
      discriminate(opponent, inputs) for inputs in (x, generate(own, z))
    )
    return loss.generator(real, fake).mean()

  def update(grads):
    moved = {}
    for name in PLAYERS:
      memory = optimizers[name].init(params[name])
      changes, memory = optimizers[name].update(
        grads[name], memory, params[name]
      )
      moved[name] = optax.apply_updates(params[name], changes), memory
    return moved

  compiled = lambda fn: jax.jit(canonicalize_on_cpu(fn))
  fake = compiled(generate)(params["generator"], z)
  calls = {
    "generate": (generate, params["generator"], z),
    "discriminator": (
      jax.grad(discriminator_loss),
      params["discriminator"],
      fake,
    ),
    "generator": (
      jax.grad(generator_loss),
      params["generator"],
      params["discriminator"],
    ),
    "update": (update, params),
  }
  made_of = dict.fromkeys(calls, 1)
  if penalties := config.get("penalties", ()):
    calls["penalty"] = (jax.grad(penalty), params["discriminator"])
    made_of["penalty"] = len(penalties)
  passes = {
    name: functools.partial(compiled(fn), *args)
    for name, (fn, *args) in calls.items()
  }
  return passes, made_of


if __name__ == "__main__":
  main(*sys.argv[1:])
