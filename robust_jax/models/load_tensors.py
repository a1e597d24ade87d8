"""Reading named tensors from files that cannot run code."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

_UNREADABLE = (
  ValueError,
  TypeError,
  EOFError,
  OverflowError,
  MemoryError,  # of a header that claims more than there can be
  zipfile.BadZipFile,
  zlib.error,
)


def load_tensors(path: str | Path) -> dict[str, np.ndarray]:
  """Reads named tensors from a file format that cannot run code.

  Args:
    path: an `.npz` file of plain arrays, or a `.safetensors` file.

  Returns:
    The tensors by name.

  Raises:
    ValueError: another kind of file, a damaged one, or one that needs pickle.

  Example:
    >>> import os, tempfile
    >>> import numpy as np
    >>> from robust_jax.models.load_tensors import load_tensors
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.npz")
    >>> np.savez(path, bias=np.zeros(3))
    >>> load_tensors(path)["bias"].shape
    (3,)
  """
  path = Path(path)
  readers = {".npz": _load_npz, ".safetensors": _load_safetensors}
  if path.suffix not in readers:
    raise ValueError(
      f"{path}: tensors are read from .npz or .safetensors only. PyTorch's "
      ".pt, .pth and .pkl files are pickles, and loading a pickle runs the "
      "code that is in it. Convert it where PyTorch is installed: state = "
      "torch.load('model.pt', weights_only=True, map_location='cpu'), then "
      "numpy.savez('model.npz', **{k: v.numpy() for k, v in state.items()})."
    )
  return readers[path.suffix](path)


def _load_npz(path):
  try:
    with open(path, "rb") as file:
      tensors = dict(np.load(file, allow_pickle=False))
  except _UNREADABLE as error:
    raise ValueError(
      f"{path} is no archive of plain arrays ({error}). Arrays of Python "
      "objects are refused, because they need pickle, which can run code: save "
      "numeric arrays with numpy.savez."
    ) from error
  for name, tensor in tensors.items():
    # NumPy returns the bytes of a member that is not an array.
    if not isinstance(tensor, np.ndarray):
      raise ValueError(
        f"{path}: '{name}' is no array. Save numeric arrays with numpy.savez."
      )
  return tensors


def _load_safetensors(path):
  try:
    return safetensors.numpy.load_file(path)
  except (safetensors.SafetensorError, OSError) as error:
    raise ValueError(
      f"{path} is no readable safetensors file ({error}): it may be cut short."
    ) from error
