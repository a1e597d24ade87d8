"""What a Fader autoencoder forgot, kept and can redraw, beside its control."""

import importlib.metadata
import json
import pathlib
import platform
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import rich.box
import rich.table
from ml_collections import ConfigDict

from experiments import build, runs, workdir
from experiments.evaluate import PACKAGES
from robust_jax.data.source import Source
from robust_jax.evaluation import report, stroke
from robust_jax.evaluation.draw_redrawings import draw_redrawings
from robust_jax.evaluation.linear_probe import linear_probe
from robust_jax.evaluation.mlp_probe import mlp_probe
from robust_jax.evaluation.redrawing import redrawing
from robust_jax.models.frozen import frozen
from robust_jax.on_host import on_host
from robust_jax.training.checkpoint import Checkpoints

_MEASURES = {"width": jax.jit(stroke.width), "slant": jax.jit(stroke.slant)}
# Label vectors between one class (0) and another (1), and beyond both.
_WEIGHTS = np.round(np.arange(-0.5, 1.75, 0.25), 2)
_ROWS = {
  "linear_probe": "fresh linear probe of the code",
  "mlp_probe": "fresh nonlinear probe of the code",
  "co_trained_accuracy": "its own classifier (no evidence)",
  "reconstruction": "squared error of a pixel",
  "swap_accuracy": "swapped images the judge agrees with",
  "width_kept": "correlation of thickness across a row",
  "slant_kept": "correlation of slant across a row",
}


class Trained(NamedTuple):
  """An autoencoder at its last step, as functions on the host.

  Attributes:
    encode: x `[N, H, W, C]` -> codes `[N, D]`.
    decode: (codes, label vectors `[N, L]`) -> images.
    num_classes: K.
    co_trained: accuracy that its own classifier had at the end.
  """

  encode: Callable[[np.ndarray], np.ndarray]
  decode: Callable[[np.ndarray, np.ndarray], np.ndarray]
  num_classes: int
  co_trained: float


def fader_report(
  path: pathlib.Path, config: ConfigDict, num_examples: int | None = None
) -> dict[str, Any]:
  """Measures the run in `path` and the control in `path/control`.

  Fresh probes, linear and not, are trained on frozen codes of training images
  and judged on codes of test images; reconstruction is compared with the
  control's; every test image is redrawn as every other class, and an
  independent classifier, trained now if the config names no run of one, says
  what it sees; thickness and slant of strokes are correlated across a row.
  Writes `report.json`, `grid.png` and `interpolation.png` to `path`.

  Args:
    path: of a finished run.
    config: of that run; `evaluation` may be another's.
    num_examples: how many test images; all if None.

  Returns:
    The report.

  Raises:
    ValueError: a run is missing or has no checkpoint.
  """
  started = time.monotonic()
  judge = _judge(path, config)
  test = _read(build.source(config, "test"), num_examples)
  train = _read(build.source(config, "train"), config.evaluation.probe_examples)
  subjects = {"run": _restore(path), "control": _restore(path / "control")}
  measured = {
    name: _measure(subject, train, test, judge)
    for name, subject in subjects.items()
  }
  run, control = measured["run"], measured["control"]
  result = measured | {
    "reconstruction_ratio": run["reconstruction"] / control["reconstruction"],
    "chance": float(np.bincount(test["y"]).max() / len(test["y"])),
    "judge_accuracy": float(np.mean(judge(test["x"]) == test["y"])),
    "num_examples": len(test["y"]),
    "seconds": round(time.monotonic() - started, 1),
    "seed": config.seed,
    "devices": [str(d) for d in jax.devices()],
    "versions": {"python": platform.python_version()}
    | {name: importlib.metadata.version(name) for name in PACKAGES},
    "config": json.loads(config.to_json()),
  }
  report.write_json(path / "report.json", result)
  _draw(path, subjects["run"], test)
  report.print_table(_table(result))
  return result


def _measure(subject: Trained, train, test, judge) -> dict[str, Any]:
  """Everything that is said of one autoencoder."""
  codes = {
    "features": subject.encode(train["x"]),
    "labels": train["y"],
    "held_out_features": subject.encode(test["x"]),
    "held_out_labels": test["y"],
  }
  vectors = np.eye(subject.num_classes, dtype=np.float32)
  own = subject.decode(codes["held_out_features"], vectors[test["y"]])
  swaps = redrawing(
    lambda x, y: subject.decode(subject.encode(x), vectors[y]),
    test["x"],
    test["y"],
    subject.num_classes,
    judge,
    _MEASURES,
  )
  most = len(train["y"])
  return {
    "linear_probe": linear_probe(**codes, most=most),
    "mlp_probe": mlp_probe(**codes, most=most),
    "co_trained_accuracy": subject.co_trained,
    "reconstruction": float(np.square(own - test["x"]).mean()),
    "swap_accuracy": float(swaps.agreement.mean()),
    "swap_accuracy_by_class": swaps.agreement.tolist(),
  } | {f"{name}_kept": float(v.mean()) for name, v in swaps.style.items()}


def _restore(path: pathlib.Path) -> Trained:
  """The autoencoder at the last checkpoint of the run in `path`."""
  config = workdir.read_config(path)
  source = build.source(config, "test")
  model = build.model(config, source)
  task = build.task(config, model, num_steps=1)
  batch = {
    "x": jax.ShapeDtypeStruct((1, *source.image_shape), np.float32),
    "y": jax.ShapeDtypeStruct((1,), np.int32),
  }
  checkpoints = Checkpoints(
    path / "checkpoints", config.training.keep_last, config.training.watch
  )
  try:
    state = checkpoints.restore_latest(
      jax.eval_shape(task.init, jax.random.key(0), batch)
    )
  finally:
    checkpoints.close()
  if state is None:
    raise ValueError(f"there is no checkpoint in {path}: train the run first.")
  variables = {"params": state.params["autoencoder"], **state.model_state}
  records = runs.log.read(path)
  return Trained(
    on_host(frozen(model, variables, method="encode")),
    on_host(frozen(model, variables, method="decode")),
    source.num_classes,
    [r["co_trained_accuracy"] for r in records if "co_trained_accuracy" in r][
      -1
    ],
  )


def _judge(
  path: pathlib.Path, config: ConfigDict
) -> Callable[[np.ndarray], np.ndarray]:
  """Images -> the classes that an independent classifier sees in them."""
  where = config.evaluation.judge
  if not where:
    where = path / "judge"
    runs.train(config.judge, where, "judge   ")
  logits_fn = runs.from_run(pathlib.Path(where))[1].logits_fn
  logits = on_host(logits_fn)
  return lambda x: logits(x).argmax(axis=-1)


def _read(source: Source, most: int | None) -> dict[str, np.ndarray]:
  """Images in [0, 1] and labels, from the first; all if None."""
  rows = source.read(np.arange(min(most or len(source), len(source))))
  return rows | {"x": rows["x"].astype(np.float32) / 255}


def _draw(
  path: pathlib.Path, subject: Trained, test: dict[str, np.ndarray]
) -> None:
  """An image of each class there is: redrawn as all, faded into the next."""
  chosen = _of_many_styles(test["x"], test["y"])
  x, labels = test["x"][chosen], test["y"][chosen]
  eye = np.eye(subject.num_classes, dtype=np.float32)
  as_all = _decode_all(subject, x, np.tile(eye, (len(x), 1, 1)))
  as_all[np.arange(len(x)), labels] = x
  draw_redrawings(
    path / "grid.png",
    as_all,
    [f"{label}" for label in labels],
    [f"{label}" for label in range(subject.num_classes)],
    originals=list(enumerate(labels)),
    axes_labels=("the style of", "redrawn as"),
  )
  following = (labels + 1) % subject.num_classes
  step = eye[following] - eye[labels]
  between = eye[labels][:, None] + _WEIGHTS[:, None] * step[:, None]
  faded = _decode_all(subject, x, between)
  draw_redrawings(
    path / "interpolation.png",
    np.concatenate([x[:, None], faded], axis=1),
    [f"{a} to {b}" for a, b in zip(labels, following, strict=True)],
    ["", *(f"{weight:g}" for weight in _WEIGHTS)],
    originals=[(row, 0) for row in range(len(x))],
    axes_labels=("", "the original, and the weight of the other label"),
  )


def _decode_all(subject, x, vectors) -> np.ndarray:
  """x `[R, ...]`, label vectors `[R, N, L]` -> images `[R, N, ...]`."""
  codes = np.repeat(subject.encode(x), vectors.shape[1], axis=0)
  flat = vectors.reshape(len(codes), -1).astype(np.float32)
  return subject.decode(codes, flat).reshape(*vectors.shape[:2], *x.shape[1:])


def _of_many_styles(x: np.ndarray, labels: np.ndarray) -> list[int]:
  """One image of each class, chosen by the style of originals alone.

  Within a class thickness and slant are standardised; the classes take turns
  around a circle in that plane: thin, upright, thick, leaning, ...
  """
  style = np.stack([np.asarray(m(x)) for m in _MEASURES.values()], axis=1)
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


def _table(result: dict[str, Any]) -> rich.table.Table:
  table = rich.table.Table(
    title=f"{result['num_examples']} test images, chance "
    f"{100 * result['chance']:.1f} %; the judge is right on "
    f"{100 * result['judge_accuracy']:.2f} %",
    box=rich.box.SIMPLE_HEAD,
  )
  table.add_column("")
  for name in ("run", "control"):
    table.add_column(name, justify="right")
  for key, text in _ROWS.items():
    shown = (f"{result[name][key]:.4f}" for name in ("run", "control"))
    table.add_row(text, *shown)
  table.add_row(
    "error, of the control's", *(f"{result['reconstruction_ratio']:.3f}", "")
  )
  return table
