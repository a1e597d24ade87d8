"""Storage of a model's predictions in files."""

import contextlib
import functools
import hashlib
import importlib.metadata
import pathlib
import re
import shutil
from typing import NamedTuple, cast

import jax
import numpy as np

from robust_jax.comparison._partial import PartialPredictions
from robust_jax.comparison.code_hash import code_hash
from robust_jax.comparison.load_examples import LoadedExamples
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.predictors.read_outputs import Kind, read_outputs
from robust_jax.data.readers.load_npz import load_npz
from robust_jax.files import atomic_write

# Packages and settings of JAX on which outputs and changed examples depend.
_PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "pillow")
_SETTINGS = (
  "jax_default_matmul_precision",
  "jax_default_prng_impl",
  "jax_enable_x64",
  "jax_threefry_partitionable",
)


class CasePredictions(NamedTuple):
  """Predictions of one model in one case.

  Attributes:
    classes: int `[N]`, -1 where there is no prediction.
    confidences: float `[N]`, probability of that class; NaN where the model
      returns only classes, or there is no prediction.
    kind: kind of the model's outputs.
    probabilities: `[N, K]` in the clean case, else empty.
    unknown: predicted classes that do not exist; see `read_outputs`.
  """

  classes: np.ndarray
  confidences: np.ndarray
  kind: Kind
  probabilities: np.ndarray
  unknown: tuple[int, ...] = ()

  @property
  def missing(self) -> int:
    """Number of examples without a prediction."""
    return int((self.classes < 0).sum())


class PredictionStore:
  """Predictions of one model, a file for each case in a folder of their own.

  The name of the folder contains a hash of everything on which the predictions
  depend: model, examples, seed, code, versions of packages and kinds of
    devices.
  The name of the file is the case. Predictions in a file are not computed
  again; of a case that was interrupted, it contains the outputs for the first
  examples.

  Args:
    path: folder of the comparison.
    model: the model.
    examples: the examples.
    seed: seed of all randomness.
    version: hash of the code of the transformations.
    reference: store of the model's predictions for other examples, which
      determine the kind of its outputs.

  Attributes:
    model: the model.
    seconds: seconds per example of each batch evaluated by this process. They
      are not stored, as files depend on nothing but model and examples.
  """

  def __init__(
    self,
    path: pathlib.Path,
    model: ComparedModel,
    examples: LoadedExamples,
    seed: int,
    version: str,
    reference: "PredictionStore | None" = None,
  ):
    parts = (
      model.kind,
      model.identity,
      model.output_kind,
      examples.digest,
      seed,
      version,
      _environment(),
      _version(),
    )
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    self.model = model
    self.seconds: list[float] = []
    self._reference = reference
    self._num_classes = len(examples.class_names)
    self._folder = path / "predictions" / f"{_plain(model.name)}-{digest}"
    self._loaded: dict[str, CasePredictions] = {}

  def find(self, case: str) -> CasePredictions | None:
    """Returns the predictions of a case, or None if they are not complete."""
    # Missing files, and those of another version, cannot be read.
    with contextlib.suppress(ValueError, KeyError):
      if case not in self._loaded:
        self._loaded[case] = _load(self._file(case))
      return self._if_same_kind(self._loaded[case])
    return None

  def get(self, case: str) -> CasePredictions:
    """Returns the predictions of a case.

    Raises:
      KeyError: they are not complete.
    """
    found = self.find(case)
    if found is None:
      raise KeyError(f"{self._file(case)} has no predictions of '{case}'.")
    return found

  def _if_same_kind(self, found: CasePredictions) -> CasePredictions | None:
    """Returns None if the kind of outputs is no longer that of `reference`."""
    clean = None if self._reference is None else self._reference.find(CLEAN)
    return found if clean is None or clean.kind == found.kind else None

  def save(self, case: str, outputs: np.ndarray) -> None:
    """Stores the predictions of outputs `[N, K]` or `[N]`, atomically.

    Scores are not stored, as they are large for many classes.

    Raises:
      ValueError: no clean output is usable, or outputs are of another kind.
    """
    known = self if self._reference is None else self._reference
    clean = None if known is self and case == CLEAN else known.find(CLEAN)
    kind = self.model.output_kind if clean is None else clean.kind
    found = read_outputs(outputs, self._num_classes, kind)
    confidences = np.full(len(outputs), np.nan, np.float32)
    probabilities = np.zeros((0, self._num_classes), np.float32)
    if found.probabilities is not None:
      confidences[found.classes >= 0] = found.probabilities.max(axis=1)[
        found.classes >= 0
      ]
      if case == CLEAN:
        probabilities = found.probabilities.astype(np.float32)
    self._write(
      case,
      CasePredictions(
        found.classes, confidences, found.kind, probabilities, found.unknown
      ),
    )

  def save_classes(self, case: str, classes: np.ndarray) -> None:
    """Stores known classes `[M]`, -1 where there is no prediction.

    M need not be the number of examples.
    """
    unknown = np.full(len(classes), np.nan, np.float32)
    nothing = np.zeros((0, self._num_classes), np.float32)
    self._write(case, CasePredictions(classes, unknown, "classes", nothing))

  def partial(self, case: str) -> PartialPredictions:
    """Returns the outputs of a case that is not complete."""
    return PartialPredictions(self._file(case))

  def clear(self) -> None:
    """Deletes all predictions."""
    shutil.rmtree(self._folder, ignore_errors=True)
    self._loaded.clear()

  def _write(self, case: str, predictions: CasePredictions) -> None:
    self._folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(self._file(case)) as new:
      np.savez_compressed(
        new,
        classes=predictions.classes.astype(np.int32),
        confidences=predictions.confidences,
        kind=predictions.kind,
        probabilities=predictions.probabilities,
        unknown=np.array(predictions.unknown, np.int64),
      )
    self._loaded.pop(case, None)

  def _file(self, case: str) -> pathlib.Path:
    return self._folder / f"{_plain(case)}.npz"


def _environment() -> str:
  """Returns versions, kinds of devices and settings of JAX as one text."""
  parts = [f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES]
  parts += sorted({device.device_kind for device in jax.devices()})
  parts += [f"{name} {getattr(jax.config, name)}" for name in _SETTINGS]
  return ", ".join(parts)


@functools.cache
def _version() -> str:
  """Hashes the code that evaluates models and reads their outputs."""
  modules = ("read_outputs", "predict", "http_predictor", "jax_predictor")
  return code_hash(
    *(f"robust_jax.comparison.predictors.{name}" for name in modules)
  )


def _load(path: pathlib.Path) -> CasePredictions:
  arrays = load_npz(path)
  parts = (arrays[n] for n in ("classes", "confidences", "probabilities"))
  classes, confidences, probabilities = parts
  unknown = tuple(arrays["unknown"].tolist())
  kind = cast(Kind, str(arrays["kind"]))
  return CasePredictions(classes, confidences, kind, probabilities, unknown)


def _plain(name: str) -> str:
  """Returns a file name that is distinct for distinct names."""
  plain = re.sub(r"[^A-Za-z0-9.+-]", "_", name)
  if plain == name.replace("/", "_"):
    return plain
  return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
