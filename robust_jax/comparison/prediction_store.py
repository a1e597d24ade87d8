"""What a model has answered, kept in files."""

import contextlib
import functools
import hashlib
import importlib.metadata
import pathlib
import re
import shutil
from typing import NamedTuple

import jax
import numpy as np

from robust_jax.comparison._partial import PartialPredictions
from robust_jax.comparison.code_hash import code_hash
from robust_jax.comparison.load_images import LoadedImages
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.predictors.read_outputs import Kind, read_outputs
from robust_jax.data.readers.load_npz import load_npz
from robust_jax.files import atomic_write

# Packages and settings of jax on which answers and changed images depend.
_PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "pillow")
_SETTINGS = (
  "jax_default_matmul_precision",
  "jax_default_prng_impl",
  "jax_enable_x64",
  "jax_threefry_partitionable",
)


class CasePredictions(NamedTuple):
  """One model's answers in one case.

  Attributes:
    classes: int `[N]`, -1 where there is no answer.
    confidences: float `[N]`, the probability of that class; NaN where the
      model gives classes alone, or no answer.
    kind: what the model returns.
    probabilities: `[N, K]` of the clean case, else empty.
    unknown: classes that were answered and are none, see `read_outputs`.
  """

  classes: np.ndarray
  confidences: np.ndarray
  kind: Kind
  probabilities: np.ndarray
  unknown: tuple[int, ...] = ()

  @property
  def missing(self) -> int:
    """How many images have no answer."""
    return int((self.classes < 0).sum())


class PredictionStore:
  """One model's answers, a file for each case in a folder of their own.

  The folder's name holds a digest of all that its answers depend on: the model,
  the images, the seed, code, versions of packages and kinds of devices. The
  file's name is the case: what is there needs not be asked again. Of a case
  that was interrupted, it holds the answers to its first images.

  Args:
    path: of the comparison.
    model: the model.
    images: the images.
    seed: of all randomness.
    version: of the transformations, such as a digest of their code.
    like: the model's answers to other images, by which it is known whether it
      returns logits, probabilities or classes.

  Attributes:
    model: the model.
    seconds: that an image took, for each batch asked about by this process. It
      is not kept: files hold what depends on nothing but model and images.
  """

  def __init__(
    self,
    path: pathlib.Path,
    model: ComparedModel,
    images: LoadedImages,
    seed: int,
    version: str,
    like: "PredictionStore | None" = None,
  ):
    parts = (
      model.kind,
      model.identity,
      model.declared,
      images.digest,
      seed,
      version,
      _surroundings(),
      _version(),
    )
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    self.model = model
    self.seconds: list[float] = []
    self._like = like
    self._num_classes = len(images.class_names)
    self._folder = path / "answers" / f"{_plain(model.name)}-{digest}"
    self._reads: dict[
      str, CasePredictions
    ] = {}  # or files are read again and again

  def read(self, case: str) -> CasePredictions | None:
    """None if it is not there, whole."""
    # What is not there cannot be read either; nor what a newer version keeps.
    with contextlib.suppress(ValueError, KeyError):
      if case not in self._reads:
        self._reads[case] = _read(self._file(case))
      return self._if_alike(self._reads[case])
    return None

  def _if_alike(self, read: CasePredictions) -> CasePredictions | None:
    """None where it was read as another kind than `like`'s answers are now."""
    clean = None if self._like is None else self._like.read(CLEAN)
    return read if clean is None or clean.kind == read.kind else None

  def write(self, case: str, answers: np.ndarray) -> None:
    """Keeps what answers `[N, K]` or `[N]` say, whole or not at all.

    Scores themselves are not kept: of many classes they are large.

    Raises:
      ValueError: all clean answers are unusable, or others of another kind.
    """
    known = self if self._like is None else self._like
    clean = None if known is self and case == CLEAN else known.read(CLEAN)
    kind = self.model.declared if clean is None else clean.kind
    found = read_outputs(answers, self._num_classes, kind)
    confidences = np.full(len(answers), np.nan, np.float32)
    probabilities = np.zeros((0, self._num_classes), np.float32)
    if found.probabilities is not None:
      confidences[found.classes >= 0] = found.probabilities.max(axis=1)[
        found.classes >= 0
      ]
      if case == CLEAN:
        probabilities = found.probabilities.astype(np.float32)
    read = (found.classes, confidences, found.kind, probabilities)
    self._save(case, CasePredictions(*read, found.unknown))

  def write_classes(self, case: str, classes: np.ndarray) -> None:
    """Keeps classes `[M]` that are known already, -1 where there is none.

    M may be another number than that of images.
    """
    unknown = np.full(len(classes), np.nan, np.float32)
    nothing = np.zeros((0, self._num_classes), np.float32)
    self._save(case, CasePredictions(classes, unknown, "classes", nothing))

  def partial(self, case: str) -> PartialPredictions:
    """What is answered of a case that `read` does not know yet."""
    return PartialPredictions(self._file(case))

  def forget(self) -> None:
    """Drops all that is kept."""
    shutil.rmtree(self._folder, ignore_errors=True)
    self._reads.clear()

  def _save(self, case: str, read: CasePredictions) -> None:
    self._folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(self._file(case)) as new:
      np.savez_compressed(
        new,
        classes=read.classes.astype(np.int32),
        confidences=read.confidences,
        kind=read.kind,
        probabilities=read.probabilities,
        unknown=np.array(read.unknown, np.int64),
      )
    self._reads.pop(case, None)

  def _file(self, case: str) -> pathlib.Path:
    return self._folder / f"{_plain(case)}.npz"


def _surroundings() -> str:
  """Versions, kinds of devices and settings of jax, as one text."""
  parts = [f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES]
  parts += sorted({device.device_kind for device in jax.devices()})
  parts += [f"{name} {getattr(jax.config, name)}" for name in _SETTINGS]
  return ", ".join(parts)


@functools.cache
def _version() -> str:
  """Of the code that asks, and reads what is answered."""
  modules = (
    "read_outputs",
    "predict",
    "by_shape",
    "http_predictor",
    "jax_predictor",
  )
  return code_hash(
    *(f"robust_jax.comparison.predictors.{name}" for name in modules)
  )


def _read(path: pathlib.Path) -> CasePredictions:
  arrays = load_npz(path)
  parts = (arrays[n] for n in ("classes", "confidences", "probabilities"))
  classes, confidences, probabilities = parts
  unknown = tuple(arrays["unknown"].tolist())
  return CasePredictions(
    classes, confidences, str(arrays["kind"]), probabilities, unknown
  )


def _plain(name: str) -> str:
  """A file's name that differs where names differ."""
  plain = re.sub(r"[^A-Za-z0-9.+-]", "_", name)
  if plain == name.replace("/", "_"):
    return plain
  return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
