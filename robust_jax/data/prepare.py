"""Preparation of datasets in a format that is read without tensorflow."""

import contextlib
import importlib.util
import io

import tensorflow_datasets as tfds

from robust_jax.data.tfds import find_builder, is_prepared, own_builder

# Packages that TFDS needs to write its datasets; it does not declare the
# second.
_WRITES_WITH = ("tensorflow", "importlib_resources")


def prepare(name: str, data_dir: str | None = None) -> None:
  """Prepares a dataset as array_record, unless it is already prepared.

  It is written to a temporary directory and renamed when complete, so there are
  no partial datasets and several processes may prepare the same one at once.

  Args:
    name: name of a dataset; see `find_builder`. Builders of TFDS download, and
      need tensorflow to write; those of this project need neither.
    data_dir: TFDS directory; see `find_builder`.

  Raises:
    ValueError: the name is unknown, tensorflow is required and not installed,
      the dataset exists in another format or is incomplete, the network is not
      available, or the directory cannot be written.
  """
  builder = find_builder(name, data_dir)
  if is_prepared(builder):
    check_readable(builder)
    print(f"{name} is already prepared in {builder.data_dir}.")
    return
  if builder.data_path.exists() and not is_prepared(builder):
    raise ValueError(
      f"{builder.data_dir} exists but is incomplete: remove it, then prepare "
      f"'{name}' again."
    )
  is_own = own_builder(name) is not None
  missing = [m for m in _WRITES_WITH if importlib.util.find_spec(m) is None]
  if missing and not is_own:
    raise ValueError(
      f"preparing '{name}' needs {' and '.join(missing)}, not installed here. "
      f"Run `./launch.sh data {name}`: it installs tensorflow-cpu in a "
      "separate virtual environment and uses that."
    )
  print(f"Preparing {name} in {builder.data_dir} ...", flush=True)
  try:
    with _silence() if is_own else contextlib.nullcontext():
      builder.download_and_prepare(file_format="array_record")
  except OSError as error:
    if is_prepared(find_builder(name, data_dir)):
      return  # prepared by another process meanwhile
    raise ValueError(
      f"cannot prepare '{name}' in {builder.data_dir}: {error}. Expected a "
      "directory that can be written (TFDS_DATA_DIR names another)"
      + ("." if is_own else " and, to download, the network.")
    ) from error


def check_readable(builder: tfds.core.DatasetBuilder) -> None:
  """Checks that a prepared dataset can be read without tensorflow.

  Raises:
    ValueError: it is not stored as array_record or another format with random
      access.
  """
  formats = builder.info.available_file_formats()
  if formats.isdisjoint(tfds.core.FileFormat.with_random_access()):
    stored = " and ".join(sorted(f.value for f in formats)) or "unknown"
    raise ValueError(
      f"{builder.data_dir} is stored as {stored}, which only tensorflow reads; "
      "expected array_record. Set TFDS_DATA_DIR to another directory and run "
      f"`./launch.sh data {builder.name}`."
    )


@contextlib.contextmanager
def _silence():
  # TFDS announces a download of unknown size, although there is none.
  sink = io.StringIO()
  with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
    yield
