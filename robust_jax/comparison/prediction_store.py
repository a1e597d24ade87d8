"""Storage of a model's predictions in files."""

import contextlib
import functools
import hashlib
import importlib.metadata
import pathlib
import re
import shutil
from typing import Any

import jax
import numpy as np

from robust_jax.comparison._partial import PartialPredictions
from robust_jax.comparison.code_hash import code_hash
from robust_jax.comparison.load_examples import LoadedExamples
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.prediction_kinds.base import Predictions
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
    self._kind = examples.kind.predictions
    parts = (
      model.kind,
      model.identity,
      model.output_kind,
      examples.digest,
      seed,
      version,
      _environment(),
      _version(self._kind.code),
    )
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    self.model = model
    self.seconds: list[float] = []
    self._reference = reference
    self._num_classes = len(examples.class_names)
    self._folder = path / "predictions" / f"{_plain(model.name)}-{digest}"
    self._loaded: dict[str, Any] = {}

  def find(self, case: str) -> Any | None:
    """Returns the predictions of a case, or None if they are not complete."""
    # Missing files, and those of another version, cannot be read.
    with contextlib.suppress(ValueError, KeyError):
      if case not in self._loaded:
        self._loaded[case] = self._kind.from_arrays(load_npz(self._file(case)))
      return self._if_same_kind(self._loaded[case])
    return None

  def get(self, case: str) -> Any:
    """Returns the predictions of a case.

    Raises:
      KeyError: they are not complete.
    """
    found = self.find(case)
    if found is None:
      raise KeyError(f"{self._file(case)} has no predictions of '{case}'.")
    return found

  def _if_same_kind(self, found: Any) -> Any | None:
    """Returns None if the kind of outputs is no longer that of `reference`."""
    clean = None if self._reference is None else self._reference.find(CLEAN)
    return found if clean is None or clean.kind == found.kind else None

  def save(self, case: str, outputs: np.ndarray) -> None:
    """Stores the predictions read from outputs, atomically.

    Raises:
      ValueError: no clean output is usable, or outputs are of another kind.
    """
    known = self if self._reference is None else self._reference
    is_first = known is self and case == CLEAN
    clean = None if is_first else known.find(CLEAN)
    kind = self.model.output_kind if clean is None else clean.kind
    self.save_predictions(
      case,
      self._kind.read(outputs, self._num_classes, kind, case == CLEAN),
    )

  def save_predictions(self, case: str, predictions: Predictions) -> None:
    """Stores the predictions of a case, atomically.

    The number of examples need not be that of the comparison.
    """
    self._folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(self._file(case)) as new:
      arrays: dict[str, Any] = self._kind.to_arrays(predictions)
      np.savez_compressed(new, **arrays)
    self._loaded.pop(case, None)

  def partial(self, case: str) -> PartialPredictions:
    """Returns the outputs of a case that is not complete."""
    return PartialPredictions(self._file(case))

  def clear(self) -> None:
    """Deletes all predictions."""
    shutil.rmtree(self._folder, ignore_errors=True)
    self._loaded.clear()

  def _file(self, case: str) -> pathlib.Path:
    return self._folder / f"{_plain(case)}.npz"


def _environment() -> str:
  """Returns versions, kinds of devices and settings of JAX as one text."""
  parts = [f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES]
  parts += sorted({device.device_kind for device in jax.devices()})
  parts += [f"{name} {getattr(jax.config, name)}" for name in _SETTINGS]
  return ", ".join(parts)


@functools.cache
def _version(code: tuple[str, ...]) -> str:
  """Hashes the code that evaluates models and reads their outputs."""
  modules = ("predict", "http_predictor", "jax_predictor")
  return code_hash(
    *code, *(f"robust_jax.comparison.predictors.{name}" for name in modules)
  )


def _plain(name: str) -> str:
  """Returns a file name that is distinct for distinct names."""
  plain = re.sub(r"[^A-Za-z0-9.+-]", "_", name)
  if plain == name.replace("/", "_"):
    return plain
  return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
