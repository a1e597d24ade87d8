"""A trained Fader autoencoder, and what it is measured with."""

import pathlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments import build, runs, workdir
from experiments.imports import named_modules
from robust_jax.data.images import image_shape
from robust_jax.evaluation import stroke
from robust_jax.models.frozen import frozen
from robust_jax.on_host import on_host
from robust_jax.training import log

MEASURES = {"width": on_host(stroke.width), "slant": on_host(stroke.slant)}


class Autoencoder(NamedTuple):
  """An autoencoder at its last step, as functions on the host.

  Attributes:
    encode: x `[N, H, W, C]` -> codes `[N, D]`.
    decode: (codes, label vectors `[N, L]`) -> images.
    num_labels: L.
    co_trained: accuracy that its own classifier had at the end.
  """

  encode: Callable[[np.ndarray], np.ndarray]
  decode: Callable[[np.ndarray, np.ndarray], np.ndarray]
  num_labels: int
  co_trained: float


def trained_autoencoder(
  path: pathlib.Path, allow_imports: Iterable[str] = ()
) -> Autoencoder:
  """The autoencoder at the last checkpoint of the run in `path`.

  Args:
    path: of the run.
    allow_imports: as `workdir.read_config` takes it.

  Raises:
    ValueError: no run there, or no checkpoint yet.
  """
  config = workdir.read_config(path, allow_imports)
  dataset = build.dataset(config, "test")
  model = build.model(config, dataset.fact("num_classes"))
  task = build.task(config, model, num_steps=1)
  batch = {
    "x": jax.ShapeDtypeStruct((1, *image_shape(dataset)), np.float32),
    "y": jax.ShapeDtypeStruct((1,), np.int32),
  }
  template = jax.eval_shape(task.init, jax.random.key(0), batch)
  with workdir.open_checkpoints(path) as checkpoints:
    state = checkpoints.restore_latest(template)
  if state is None:
    raise ValueError(f"there is no checkpoint in {path}: train the run first.")
  variables = {"params": state.params["autoencoder"], **state.model_state}
  measured = [r for r in log.read(path) if "co_trained_accuracy" in r]
  return Autoencoder(
    on_host(frozen(model, variables, method="encode")),
    on_host(frozen(model, variables, method="decode")),
    model.num_labels,
    measured[-1]["co_trained_accuracy"],
  )


def independent_judge(
  path: pathlib.Path, config: ConfigDict
) -> Callable[[np.ndarray], np.ndarray]:
  """Images -> the classes that an independent classifier sees in them.

  It is that of the run that `evaluation.judge` names; where it names none, one
  is trained by the section `judge`, in `path/judge`.

  Raises:
    KeyboardInterrupt: its training was interrupted; it goes on another time.
    ValueError: there is no such run, or it collapsed.
  """
  where = config.evaluation.judge
  if not where:
    where = path / "judge"
    outcome = runs.train(config.judge, where, "judge   ")
    if outcome.status == "interrupted":
      raise KeyboardInterrupt
    if outcome.status == "collapsed":
      raise ValueError(
        f"the judge in {where} collapsed at step {outcome.step}: name another "
        "in evaluation.judge, or change the section `judge`."
      )
  _, judge = runs.from_run(
    pathlib.Path(where), allow_imports=named_modules(config)
  )
  logits = on_host(judge.logits_fn)
  return lambda x: logits(x).argmax(axis=-1)


def decode_all(
  subject: Autoencoder, x: np.ndarray, vectors: np.ndarray
) -> np.ndarray:
  """x `[R, ...]`, label vectors `[R, N, L]` -> images `[R, N, ...]`."""
  codes = np.repeat(subject.encode(x), vectors.shape[1], axis=0)
  flat = vectors.reshape(len(codes), -1).astype(np.float32)
  return subject.decode(codes, flat).reshape(*vectors.shape[:2], *x.shape[1:])


def of_many_styles(x: np.ndarray, labels: np.ndarray) -> list[int]:
  """One image of each class, chosen by the style of originals alone.

  Within a class thickness and slant are standardised; the classes take turns
  around a circle in that plane: thin, upright, thick, leaning, ...
  """
  style = np.stack([measure(x) for measure in MEASURES.values()], axis=1)
  chosen = []
  for label in np.unique(labels):
    rows = np.flatnonzero(labels == label)
    own = style[rows] - style[rows].mean(axis=0)
    own /= np.maximum(own.std(axis=0), 1e-6)
    angle = 0.6 * np.pi * len(chosen)  # neighbouring rows look different
    wanted = 1.3 * np.array([np.cos(angle), np.sin(angle)])
    nearest = np.square(own - wanted).sum(axis=1).argmin()
    chosen.append(int(rows[nearest]))
  return chosen
