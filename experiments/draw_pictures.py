"""Draws the pictures of a run while it is trained, and animates them.

A picture of a step is written before the checkpoint of the step, and depends on
the parameters alone. So a run that was killed and resumed ends with the same
pictures as one that was not.
"""

import pathlib
from collections.abc import Callable

import jax
from ml_collections import ConfigDict

from experiments import pictures
from experiments.build.options import call, own_options
from robust_jax import lookup
from robust_jax.plotting.animation import save_animation
from robust_jax.plotting.image_grid import save_image_grid
from robust_jax.types import State, Task

_FOLDER = "pictures"


def observer(
  config: ConfigDict, task: Task, path: pathlib.Path
) -> Callable[[State], None] | None:
  """The function that draws the pictures of a State, named by its step.

  Args:
    config: config of the run; its section `pictures` names what is drawn, and
      without one there are no pictures.
    task: task of the run.
    path: work directory of the run, where the pictures go into
      `pictures/NAME/STEP.png`.

  Raises:
    ValueError: there are no such pictures, or they have no such options.
  """
  if "pictures" not in config:
    return None
  options = dict(config.pictures)
  make = lookup.find(pictures, options.pop("name"))
  if "config" in own_options(make):
    options["config"] = config
  functions = call(make, **options)

  def observe(state: State) -> None:
    deployed = task.deployed(jax.device_get(state))
    for name, draw in functions.items():
      folder = path / _FOLDER / name
      folder.mkdir(parents=True, exist_ok=True)
      images, columns = draw(deployed)
      file = folder / f"{int(state.step):08d}.png"
      save_image_grid(file, images, columns=columns)

  return observe


def animate(path: pathlib.Path) -> None:
  """Makes `NAME.webp` of the pictures of each name, in order of their steps."""
  for folder in sorted((path / _FOLDER).glob("*/")):
    save_animation(path / f"{folder.name}.webp", sorted(folder.glob("*.png")))
