"""TFDS builders by the name of a dataset."""

import difflib
import importlib
import json
import os
import pathlib
import pkgutil
from collections.abc import Iterator

import tensorflow_datasets as tfds

from robust_jax.data import builders

_TEXTS = [str(pathlib.Path(tfds.__file__).with_name("text"))]


def find_builder(
  name: str, data_dir: str | None = None
) -> tfds.core.DatasetBuilder:
  """Returns the builder of a dataset.

  Args:
    name: name of a builder of this project (a module of
      `robust_jax.data.builders`, such as "digits") or of TFDS: "mnist",
      "cifar10_corrupted/fog_1", "mnist:3.0.1".
    data_dir: TFDS directory. None is `$ROBUST_JAX_DATA/tfds` if it contains the
      dataset, else the default of TFDS: `$TFDS_DATA_DIR`, or
      `~/tensorflow_datasets`.

  Raises:
    ValueError: no builder has that name, configuration or version (the message
      lists similar names); it is a community builder, whose code would be
      downloaded and run; or the prepared files would import a module outside of
      TFDS.
  """
  shared = os.environ.get("ROBUST_JAX_DATA")
  if data_dir is None and shared:
    builder = _construct(name, os.path.join(shared, "tfds"))
    if is_prepared(builder):
      return builder
  return _construct(name, data_dir)


def own_builder(name: str) -> type[tfds.core.DatasetBuilder] | None:
  """Returns the builder class of `robust_jax.data.builders.<name>`, or None."""
  if name not in _modules():
    return None
  module = importlib.import_module(f"{builders.__name__}.{name}")
  classes = (
    thing
    for thing in vars(module).values()
    if isinstance(thing, type) and issubclass(thing, tfds.core.DatasetBuilder)
  )
  return next((c for c in classes if getattr(c, "name", None) == name), None)


def is_prepared(builder: tfds.core.DatasetBuilder) -> bool:
  """Returns whether the dataset is complete; its info is written last."""
  return (builder.data_path / "dataset_info.json").exists()


def _construct(name, data_dir):
  own = own_builder(name)
  if own is not None:
    return own(data_dir=data_dir)
  _register_texts(name)
  try:
    _refuse_code(name, data_dir)
    return tfds.builder(name, data_dir=data_dir)
  except tfds.core.DatasetNotFoundError:
    raise ValueError(_unknown(name)) from None
  except (ValueError, AssertionError) as error:
    reason = str(error).splitlines()[0]
    raise ValueError(
      f"there is no dataset '{name}': expected NAME, NAME/CONFIG or "
      f"NAME:VERSION. {reason}"
    ) from error


def _register_texts(name):
  """Makes TFDS find datasets such as glue, which it registers by an import."""
  stem = name.partition("/")[0].partition(":")[0]
  if stem in [module.name for module in pkgutil.iter_modules(_TEXTS)]:
    importlib.import_module(f"tensorflow_datasets.text.{stem}")


def _refuse_code(name, data_dir):
  """Refuses community builders, and files that name a class to import."""
  parsed, _ = tfds.core.naming.parse_builder_name_kwargs(name)
  if parsed.namespace:
    raise ValueError(
      f"'{parsed.namespace}' is a community, whose code would be run."
    )
  root = pathlib.Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()
  for file in (root / parsed.name).rglob("features.json"):
    for class_name in _feature_classes(json.loads(file.read_text("utf-8"))):
      if not class_name.startswith("tensorflow_datasets."):
        raise ValueError(f"{file} would have '{class_name}' imported.")


def _feature_classes(tree) -> Iterator[str]:
  """Yields class names under the keys that current and old TFDS use."""
  if isinstance(tree, str) and tree.startswith(("{", "[")):
    tree = json.loads(tree)  # old files store features as JSON in a string
  if isinstance(tree, list):
    tree = dict(enumerate(tree))
  if isinstance(tree, dict):
    for key, value in tree.items():
      if key in ("pythonClassName", "python_class_name", "type"):
        yield str(value)
      yield from _feature_classes(value)


def _unknown(name):
  stock = tfds.list_builders(with_community_datasets=False)
  near = difflib.get_close_matches(name, _modules() + stock, n=3, cutoff=0.5)
  near = [n for n in near if n in stock or own_builder(n) is not None]
  hint = (
    "did you mean " + " or ".join(f"'{n}'" for n in near) + "?"
    if near
    else "all names are at https://www.tensorflow.org/datasets/catalog."
  )
  return f"there is no dataset '{name}'; {hint}"


def _modules():
  return [name for _, name, _ in pkgutil.iter_modules(builders.__path__)]
