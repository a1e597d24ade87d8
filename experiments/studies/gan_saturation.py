"""The generator's gradient vanishes under the minimax loss: a picture.

  python -m experiments.studies.gan_saturation --out=docs

A small DCGAN is trained on MNIST with the non-saturating loss. After several
numbers of steps its generator is held fixed, and a new discriminator is trained
against it, while the norm of the generator's gradient is measured under both
losses: E log(1 - D(G(z))) of the minimax game, which vanishes as the
discriminator becomes sure, and the non-saturating -E log D(G(z)). Prints a
table, and writes `gan_saturation.png` and `gan_saturation.json`.

Source: Arjovsky and Bottou 2017, "Towards principled methods for training
generative adversarial networks", figures 2 and 3.

Deviation: the discriminator has no BatchNorm, and gradients are shown from its
first move on, each of a batch of 512.
"""

import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import rich.box
import rich.table
from absl import flags

from experiments.cli import output
from experiments.cli.parse_flags import parse_options
from experiments.cli.provenance import machine
from experiments.cli.run_command import run_command
from robust_jax import parallel
from robust_jax.adversarial_losses import minimax, non_saturating
from robust_jax.data.dataset import Dataset
from robust_jax.data.images import image_shape
from robust_jax.data.load import load
from robust_jax.data.loader import Loader, training_loader
from robust_jax.files import write_json
from robust_jax.models import DcganDiscriminator, DcganGenerator
from robust_jax.plotting.gradient_norms import draw_gradient_norms
from robust_jax.plotting.tables import print_table
from robust_jax.tasks.gan import gan
from robust_jax.types import Array, Key, PyTree, State, Task

_LOSSES = {"minimax": minimax(), "non-saturating": non_saturating()}
_BATCH, _LATENT, _NUM_MEASURED = 64, 32, 512
_KEY = jax.random.key(0)


def main(arguments: list[str] | None = None) -> int:
  """Runs the command; returns the exit status."""
  options = parse_options(_flags(), arguments, __doc__)
  out = pathlib.Path(options.out)
  output.writable(out, "--out")
  start = time.monotonic()
  moves = np.arange(0, options.num_moves + 1, options.measure_every)
  norms = study(
    load(options.dataset, "train"),
    sorted(int(steps) for steps in options.generator_steps),
    moves,
  )
  draw_gradient_norms(out / "gan_saturation.png", moves, norms)
  report = {
    "norms": {
      run: {loss: values.tolist() for loss, values in losses.items()}
      for run, losses in norms.items()
    },
    "moves": moves.tolist(),
    "seconds": time.monotonic() - start,
    **machine(),
  }
  write_json(out / "gan_saturation.json", report)
  print_table(_table(norms))
  return 0


def study(
  dataset: Dataset, generator_steps: Sequence[int], moves: np.ndarray
) -> dict[str, dict[str, np.ndarray]]:
  """Measures gradients of a generator after several numbers of steps.

  Args:
    dataset: images.
    generator_steps: numbers of steps of both players, ascending, after which
      the generator is held fixed.
    moves: numbers of moves of a new discriminator, ascending, after which the
      gradient is measured.

  Returns:
    Name of the generator -> loss -> gradient norms, as many as `moves`.
  """
  shape = image_shape(dataset)
  models = {
    "generator": DcganGenerator(shape, (32, 16)),
    "discriminator": DcganDiscriminator((16, 32), batch_norm="none"),
  }
  adam, fast = (optax.adam(rate, b1=0.5) for rate in (2e-4, 1e-3))
  loader = training_loader(dataset, _BATCH, seed=0)
  learning = {"generator": adam, "discriminator": adam}
  still = {"generator": optax.set_to_zero(), "discriminator": fast}
  init, train = _trainer(gan(models, learning, latent_size=_LATENT), loader)
  init_against, train_against = _trainer(
    gan(models, still, latent_size=_LATENT), loader
  )
  measure = gradient_norms(models)
  state, found = init(_KEY), {}
  for steps in generator_steps:
    state = train(state, steps)
    fresh = init_against(jax.random.fold_in(_KEY, steps))
    params = {**fresh.params, "generator": state.params["generator"]}
    fresh = fresh._replace(params=params, model_state=state.model_state)
    norms = []
    for count in moves:
      fresh = train_against(fresh, count)
      norms.append(measure(fresh, jax.random.fold_in(_KEY, count)))
    found[f"after {steps} steps"] = {
      loss: np.array([float(norm[loss]) for norm in norms]) for loss in _LOSSES
    }
  return found


def _trainer(
  task: Task, loader: Loader
) -> tuple[Callable[[Key], State], Callable[[State, int], State]]:
  """The task's init, and its training until a number of steps.

  States are on the host, because a step reuses the memory of the one before.
  """
  step = parallel.pmap_step(task.step, loader.decode)
  data = parallel.replicate(loader.device_data)
  first = next(iter(loader.indices(0)))
  batch = jax.jit(loader.decode)(loader.device_data, first)

  def init(key: Key) -> State:
    return jax.device_get(jax.jit(task.init)(key, batch))

  def train(state: State, num_steps: int) -> State:
    stream = loader.indices(int(state.step))
    state = parallel.replicate(state)
    for _ in range(int(num_steps) - int(state.step)):
      state, _ = step(state, data, next(stream), _KEY)
    return jax.tree.map(np.array, jax.device_get(state))

  return init, train


def gradient_norms(
  models: Mapping[str, nn.Module],
) -> Callable[[State, Key], dict[str, Array]]:
  """The function that measures gradients of a generator.

  Args:
    models: the "generator" of latents of 32 entries, and the "discriminator",
      without BatchNorm.

  Returns:
    `(state of tasks.gan, key) -> {loss: norm}`, of a training pass.
  """

  def logits(params: PyTree, state: State, key: Key) -> Array:
    z = jax.random.normal(key, (_NUM_MEASURED, _LATENT))
    own = state.model_state["generator"]
    variables = {"params": params, **own}
    x, _ = models["generator"].apply(
      variables, z, train=True, mutable=list(own)
    )
    opponent = {"params": state.params["discriminator"]}
    return cast(Array, models["discriminator"].apply(opponent, x, train=True))

  def norm(name: str, state: State, key: Key) -> Array:
    def loss(params):
      fake = logits(params, state, key)
      return _LOSSES[name].generator(jnp.zeros_like(fake), fake).mean()

    return optax.tree.norm(jax.grad(loss)(state.params["generator"]))

  return jax.jit(
    lambda state, key: {name: norm(name, state, key) for name in _LOSSES}
  )


def _table(norms: dict[str, dict[str, np.ndarray]]) -> rich.table.Table:
  table = rich.table.Table(
    title="gradient norm of the generator, against a new discriminator",
    box=rich.box.SIMPLE_HEAD,
  )
  for column in ("generator", "loss", "at first", "at last"):
    table.add_column(column)
  for run, losses in norms.items():
    for loss, values in losses.items():
      table.add_row(run, loss, f"{values[0]:.2e}", f"{values[-1]:.2e}")
  return table


def _flags():
  values = flags.FlagValues()
  own = {"flag_values": values}
  flags.DEFINE_string("out", None, "output folder.", required=True, **own)
  flags.DEFINE_string("dataset", "mnist", "images to train on.", **own)
  flags.DEFINE_list(
    "generator_steps",
    ["0", "100", "300"],
    "steps of both players before the generator is held fixed, ascending.",
    **own,
  )
  flags.DEFINE_integer(
    "num_moves", 200, "moves of the new discriminator.", lower_bound=1, **own
  )
  flags.DEFINE_integer(
    "measure_every",
    10,
    "moves between two measurements.",
    lower_bound=1,
    **own,
  )
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
