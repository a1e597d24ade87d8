"""Adversarial examples of a model in files, for people and other programs."""

import pathlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from experiments.adversarial_examples.figures import (
  Attacked,
  as_json,
  figures,
  table,
)
from experiments.adversarial_examples.files import (
  to_8_bits,
  write_npz,
  write_pngs,
)
from experiments.adversarial_examples.images import (
  LabeledImages,
  images_of_config,
  refuse_other_images,
)
from experiments.build.check_config import check_config
from experiments.cli import output
from experiments.cli.provenance import provenance
from experiments.evaluate_attacks import attack_images
from robust_jax import precision
from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.files import write_json
from robust_jax.plotting.adversarial_examples import draw_adversarial_examples
from robust_jax.plotting.tables import print_table
from robust_jax.types import Model

_NUM_DRAWN = 8

Predict = Callable[[np.ndarray], np.ndarray]


@precision.evaluation()
def attack(
  model: Model,
  config: ConfigDict,
  name: str,
  path: pathlib.Path,
  num_examples: int | None = None,
  images: LabeledImages | None = None,
) -> dict[str, Any]:
  """Writes the adversarial examples of images under one attack.

  Those of test images are the same as in `evaluate_attacks` with this attack
  alone. A file is that of `write_npz`. A folder receives

  - `adversarial.npz`, which also has `ids [N]`, the names of the images in the
    data, and `png_predictions [N]`;
  - `adversarial/CLASS/NUMBER.png`, the adversarial images;
  - `pairs.png`, a few images, clean and adversarial, and their difference;
  - `report.json`, with the figures and the config.

  A PNG has 8 bits per channel: it rounds x_adv to multiples of 1/255, which may
  undo an attack or take it out of its ball. So the figures are given for the
  rounded images as well. They are printed as a table. An interrupted call
  resumes from a file beside the result.

  Args:
    model: a frozen classifier.
    config: config of the data, the seed and, in its section `evaluation`, the
      attacks.
    name: a name in `config.evaluation.attacks`, "autoattack", or the user's own
      attack, "package.module:function".
    path: path of the `.npz` file, or of a folder.
    num_examples: number of test images, from the first on; None for all.
    images: the images; None for the test images of the config.

  Returns:
    The `figures`, and for a folder those of the PNG files as "png".

  Raises:
    ValueError: another kind of file, the config has no such attack, or the
      model is not for such images.
  """
  check_config(config)
  to_file = _is_file(path)
  output.writable(path.parent if to_file else path, "--out")
  if images is None:
    images = images_of_config(config, num_examples)
  else:
    refuse_other_images(model, images)
  state = (
    path.with_name(f"{path.stem}_state.npz")
    if to_file
    else path / "attack_state.npz"
  )
  if not to_file:
    _refuse_no_pictures(images, path)
  x_adv = attack_images(
    model, config, [name], images.x, images.labels, state
  ).x_adv
  predict = _classes(model)
  found = Attacked(images, x_adv, predict(images.x), predict(x_adv))
  measured = figures(found)
  title = f"{len(x_adv)} images under {name}"
  if to_file:
    write_npz(path, found)
    print_table(table(title, {"": measured}))
    return measured
  png = _write_folder(path, found, predict)
  report = {"attack": name, **as_json(measured), "png": as_json(png)}
  write_json(path / "report.json", {**report, **provenance(config)})
  print_table(table(title, {"exact": measured, "PNG, 8 bits": png}))
  print(f"In {path}: adversarial/, adversarial.npz, pairs.png, report.json.")
  return {**measured, "png": png}


def _is_file(path: pathlib.Path) -> bool:
  """Returns whether a path is that of an `.npz`, and not of a folder."""
  if path.suffix == ".npz":
    return True
  # A folder may be called eps0.3, but a file was meant by a.png.
  if re.fullmatch(r"\.[a-z]\w*", path.suffix) and not path.is_dir():
    raise ValueError(f"--out={path}: expected a file named *.npz, or a folder.")
  return False


def _refuse_no_pictures(images: LabeledImages, path: pathlib.Path) -> None:
  if images.x.ndim != 4 or images.x.shape[-1] not in (1, 3):
    raise ValueError(
      f"--out={path}: examples of shape {images.x.shape[1:]} are no pictures "
      "of one or three channels: give a file, as in --out=adversarial.npz."
    )


def _classes(model: Model) -> Predict:
  logits = as_numpy_fn(model)
  return lambda x: logits(x).argmax(axis=-1)


def _write_folder(
  path: pathlib.Path, found: Attacked, predict: Predict
) -> dict[str, Any]:
  """Writes all but the report, and returns the figures of the PNG files."""
  stored = to_8_bits(found.x_adv).astype(np.float32) / 255
  rounded = found._replace(x_adv=stored, predictions=predict(stored))
  write_pngs(path / "adversarial", found)
  write_npz(
    path / "adversarial.npz",
    found,
    ids=np.array(found.images.ids),
    png_predictions=rounded.predictions,
  )
  _draw(path / "pairs.png", found)
  return figures(rounded)


def _draw(path: pathlib.Path, found: Attacked) -> None:
  """Draws the first successes, and other images if these are too few."""
  won = found.was_correct & found.misclassified
  rows = np.argsort(~won, kind="stable")[:_NUM_DRAWN]
  names = found.images.class_names
  draw_adversarial_examples(
    path,
    found.images.x[rows],
    found.x_adv[rows],
    [
      (names[found.clean_predictions[i]], names[found.predictions[i]])
      for i in rows
    ],
  )
