"""Writes a dataset to disk in the form that is read without tensorflow."""

import contextlib
import importlib.util
import io

import tensorflow_datasets as tfds

from robust_jax.data.tfds import find_builder, is_prepared, own_builder

# What TFDS writes its own datasets with; it does not say that it needs the
# second.
_WRITES_WITH = ("tensorflow", "importlib_resources")


def prepare(name: str, data_dir: str | None = None) -> None:
  """Prepares a dataset as array_record, unless it is prepared already.

  It is written beside its place and renamed when complete, so nothing is left
  half-written, and several processes may prepare the same dataset at once.

  Args:
    name: as `find_builder` takes it. TFDS's own builders download and need
      tensorflow to write; ours need neither.
    data_dir: as `find_builder` takes it.

  Raises:
    ValueError: the name is unknown, tensorflow is expected and not installed,
      the dataset is there in another form or incomplete, the network is not
      there, or the directory cannot be written.
  """
  builder = find_builder(name, data_dir)
  if is_prepared(builder):
    check_readable(builder)
    print(f"{name} is already prepared in {builder.data_dir}.")
    return
  if builder.data_path.exists() and not is_prepared(builder):
    raise ValueError(
      f"{builder.data_dir} is there but incomplete: remove it, then prepare "
      f"'{name}' again."
    )
  is_own = own_builder(name) is not None
  missing = [m for m in _WRITES_WITH if importlib.util.find_spec(m) is None]
  if missing and not is_own:
    raise ValueError(
      f"preparing '{name}' needs {' and '.join(missing)}, not installed here. "
      f"Run `./launch.sh data {name}`: it installs tensorflow-cpu beside, in a "
      "virtual environment of its own, and prepares with that."
    )
  print(f"Preparing {name} in {builder.data_dir} ...", flush=True)
  try:
    with _silence() if is_own else contextlib.nullcontext():
      builder.download_and_prepare(file_format="array_record")
  except OSError as error:
    if is_prepared(find_builder(name, data_dir)):
      return  # another process was faster
    raise ValueError(
      f"cannot prepare '{name}' in {builder.data_dir}: {error}. Wanted: a "
      "directory that can be written (TFDS_DATA_DIR names another)"
      + ("." if is_own else " and, to download, the network.")
    ) from error


def check_readable(builder: tfds.core.DatasetBuilder) -> None:
  """Checks that a prepared dataset can be read without tensorflow.

  Raises:
    ValueError: it is not stored as array_record, or any other format with
      random access.
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
  # TFDS speaks of a download of unknown size; for a second's work without one.
  sink = io.StringIO()
  with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
    yield
