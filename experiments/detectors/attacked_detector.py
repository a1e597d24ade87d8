"""A detector on changed images, with results that are kept in a folder."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from experiments.by_batches import by_batches
from experiments.detectors.changes import UNCHANGED, Change
from experiments.detectors.measured_detections import (
  CleanDetections,
  annotations,
  detections,
)
from experiments.load_run import Run
from robust_jax import fingerprint, saved_state
from robust_jax.attacks.universal.adversarial_patch import Placement, place
from robust_jax.boxes import Detections
from robust_jax.data.dataset import Dataset
from robust_jax.models.detection.center_net import detect
from robust_jax.plotting.boxes_on_images import (
  BoxedImage,
  draw_boxes_on_images,
)
from robust_jax.plotting.image_grid import save_image_grid
from robust_jax.training.progress import Progress
from robust_jax.types import AnyArray, Array, Batch, Key, Model

_NUM_SHOWN = 4
_SIDE_OF_PATCH = 256  # pixels of its picture


@dataclasses.dataclass(frozen=True, eq=False)
class AttackedDetector:
  """A detector and its images, with a folder where results are kept.

  Attributes:
    name: its name.
    model: the detector.
    digest: digest of its variables.
    train: training images.
    test: test images.
    num_train: how many are learned from, from the first on.
    num_examples: how many are changed, from the first on.
    batch_size: how many are changed at a time.
    folder: where results are kept.
    key: key of all randomness.
  """

  name: str
  model: Model
  digest: str
  train: Dataset
  test: Dataset
  num_train: int
  num_examples: int
  batch_size: int
  folder: pathlib.Path
  key: Key

  @property
  def num_classes(self) -> int:
    """K."""
    return self.test.fact("num_classes")

  @functools.cached_property
  def clean(self) -> CleanDetections:
    """Detections without a change.

    Raises:
      ValueError: none of it is true.
    """
    found, _ = self.detections("none", UNCHANGED)
    y = self.test.read(np.arange(self.num_examples))["y"]
    try:
      return CleanDetections(annotations(y), found, self.num_classes)
    except ValueError as error:
      raise ValueError(f"'{self.name}': {error}") from error

  def detections(
    self, name: str, change: Change
  ) -> tuple[list[Detections], float]:
    """Returns what is found in each image under a change, and the seconds.

    Those of learning are not counted.

    Raises:
      ValueError: the folder holds results of another change, model or images.
    """
    learned = self._learned(name, change)

    def compute(i: int, rows: np.ndarray) -> Mapping[str, np.ndarray]:
      x = self._changed(i, rows, change, learned)
      return jax.device_get(_detect(self.model, x))

    found, seconds = by_batches(
      f"{self.name} {name}",
      compute,
      self.num_examples,
      self.batch_size,
      self.folder / f"{name}.npz",
      self._question(change, learned),
      keep_results=True,
    )
    return detections(found), round(seconds, 1)

  def draw(self, changes: Mapping[str, Change]) -> None:
    """Draws the first images under changes, with the boxes that are found.

    Writes `attacked.png`.
    """
    number = min(_NUM_SHOWN, self.num_examples)
    truth = self.clean.truth[:number]
    stored = self.test.read(np.arange(number))
    x = np.asarray(_decoded(self.test, stored)["x"])
    rows = {"objects": _boxed(x, truth)}
    for name, change in {"none": UNCHANGED, **changes}.items():
      found, _ = self.detections(name, change)
      shown = [self.clean.above(one) for one in found[:number]]
      images = self._first(name, change, number)
      rows[name.replace("_", " ")] = _boxed(images, shown)
    names = self.test.fact("class_names")
    draw_boxes_on_images(self.folder / "attacked.png", rows, names)

  def draw_patch(self, name: str, change: Change) -> None:
    """Draws the patch that is learned, on white. Writes `patch.png`."""
    patch = jnp.asarray(self._learned(name, change))
    side = jnp.full(1, float(_SIDE_OF_PATCH))
    white = jnp.ones((1, _SIDE_OF_PATCH, _SIDE_OF_PATCH, patch.shape[-1]))
    where = Placement(side / 2, side / 2, side, jnp.zeros(1))
    image = np.asarray(place(patch, white, where))
    save_image_grid(self.folder / "patch.png", image)

  def _changed(
    self, i: int, rows: np.ndarray, change: Change, learned: AnyArray | None
  ) -> Array:
    """Returns batch i of changed images, those of the rows `[B]`."""
    batch = _decoded(self.test, self.test.read(rows))
    key = jax.random.fold_in(self.key, i)
    return change.apply(key, self.model, batch["x"], batch["y"], learned)

  def _first(self, name: str, change: Change, number: int) -> np.ndarray:
    learned = self._learned(name, change)
    rows = np.resize(np.arange(self.num_examples), self.batch_size)
    return self._kept(
      f"{name}_images",
      {**self._question(change, learned), "number": str(number)},
      lambda: self._changed(0, rows, change, learned)[:number],
    )

  def _learned(self, name: str, change: Change) -> np.ndarray | None:
    learn = change.learn
    if learn is None:
      return None
    stored = self.train.read(np.arange(self.num_train))
    question = {
      "model": self.digest,
      "training images": fingerprint.of_arrays(stored),
      "seed": fingerprint.of_arrays(self.key),
      "settings": change.settings,
    }

    def compute() -> Array:
      batch = _decoded(self.train, stored)
      with Progress(f"{self.name} {name}, learning", 1) as bar:
        found = learn(self.key, self.model, batch["x"], batch["y"])
        found.block_until_ready()
        bar.update(1)
      return found

    return self._kept(f"{name}_learned", question, compute)

  def _kept(
    self,
    name: str,
    question: Mapping[str, str],
    compute: Callable[[], Array],
  ) -> np.ndarray:
    """Returns the array in a file, which is computed if there is none."""
    path = self.folder / f"{name}.npz"
    found = saved_state.restore(path, question)
    if found is None:
      found = {"values": np.asarray(compute())}
      saved_state.save(path, question, found)
    return found["values"]

  def _question(
    self, change: Change, learned: np.ndarray | None
  ) -> dict[str, str]:
    return {
      "model": self.digest,
      "images": self._digest_of_images,
      "seed": fingerprint.of_arrays(self.key),
      "settings": change.settings,
      "learned": fingerprint.of_arrays(learned),
    }

  @functools.cached_property
  def _digest_of_images(self) -> str:
    return fingerprint.of_arrays(self.test.read(np.arange(self.num_examples)))


def open_detector(
  name: str,
  run: Run,
  folder: pathlib.Path,
  *,
  num_train: int,
  num_examples: int | None = None,
  seed: int = 0,
) -> AttackedDetector:
  """Opens the detector of a run, with the images of its own data.

  Args:
    name: name of the detector.
    run: the run.
    folder: where results are kept, created if missing.
    num_train: number of training images, all if there are fewer.
    num_examples: number of test images; None for all.
    seed: seed of all randomness.

  Raises:
    ValueError: the run deploys no detector.
  """
  model = run.detector()
  train, test = run.dataset("train"), run.dataset("test")
  folder.mkdir(parents=True, exist_ok=True)
  return AttackedDetector(
    name=name,
    model=model,
    digest=fingerprint.of_arrays(run.variables),
    train=train,
    test=test,
    num_train=min(num_train, len(train)),
    num_examples=min(num_examples or len(test), len(test)),
    batch_size=run.config.evaluation.batch_size,
    folder=folder,
    key=jax.random.key(seed),
  )


@jax.jit
def _detect(model: Model, x: Array) -> dict[str, Array]:
  return detect(model(x))


def _decoded(dataset: Dataset, stored: dict) -> Batch:
  return dataset.decode(jax.tree.map(jnp.asarray, stored))


def _boxed(images, records) -> list[BoxedImage]:
  pairs = zip(images, records, strict=True)
  return [BoxedImage(x, one.boxes, one.classes) for x, one in pairs]
