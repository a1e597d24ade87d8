"""From the section `data` of a config to datasets and loaders."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments.build.extra_data import loader_with_extra
from experiments.build.options import call
from experiments.build.text_data import (
  corpus_dataset,
  misspelled_dataset,
  text_dataset,
)
from robust_jax import lookup, parallel
from robust_jax.data.dataset import Dataset, spec_of_batch
from robust_jax.data.detection import MAX_BOXES, detection_dataset
from robust_jax.data.load import load
from robust_jax.data.loader import Loader, evaluation_loader, training_loader
from robust_jax.data.match_shapes import match_shapes
from robust_jax.data.open_detection import open_detection
from robust_jax.data.paired_loader import (
  paired_evaluation_loader,
  paired_loader,
)
from robust_jax.data.pairs.targets import labeled_targets
from robust_jax.data.stacked import stacked
from robust_jax.types import Batch

Facts = Mapping[str, Any]
"""Facts of the data by name, which are passed to factories that have an option
of that name: `num_classes`, `image_shape`, `num_domains`, ..."""


def loaders(config: ConfigDict) -> tuple[Loader, Loader, Facts]:
  """Builds the loaders for training and validation, and facts of the data."""
  return _kind(config).loaders(config)


def dataset(config: ConfigDict, split: str) -> Dataset:
  """Loads a split of the data that a trained model is for.

  For domain adaptation it is data of the target.
  """
  return _kind(config).dataset(config, split)


def describe(config: ConfigDict) -> tuple[Batch, Facts]:
  """Returns the spec of a training batch of two examples, and facts."""
  return _kind(config).describe(config)


def domains(config: ConfigDict, split: str) -> tuple[list[Dataset], Dataset]:
  """Loads a split of all domains, with images of one shape.

  `data.sources` contains a section for each source, by the name of its dataset,
  and `data.target` is a section with a `name`. Labels of the target may be
  unknown in its training split.

  Returns:
    The sources and the target.

  Raises:
    ValueError: the data are not of several domains, a section has no such
      split, or the domains do not fit together, see `data.match_shapes`.
  """
  data = config.data
  if data.kind != "domains":
    raise ValueError(
      f"config.data.kind = '{data.kind}': expected 'domains', which have "
      "sources and a target."
    )
  sources = [
    _load(data, name, section, split) for name, section in data.sources.items()
  ]
  target = _load(
    data, data.target.name, data.target, split, unknown_labels=split == "train"
  )
  return match_shapes(sources, target, data.get("image_shape"))


def _stored(config, split):
  """Images with a class; `data.size` is the side of crops, if it is given."""
  data = config.data
  return _load(data, data.name, data, split, size=data.get("size"))


def _stacks(config, split):
  """Of `data.num_examples` stacked images, by the names of the splits."""
  return stacked(
    _stored(config, split),
    _part_of(config.data.num_examples, config.data.name, split),
  )


def _annotated(config, split):
  """Images with boxes; a line tells how many boxes are not used, if any.

  `data.size` is the side in pixels that they are resized and padded to, and
  `data.class_names` the order of the classes, if it is not that of the files.
  """
  data = config.data
  name = f"{data.name} ({split})"
  reader = open_detection(
    _part_of(data, data.name, split),
    size=data.get("size"),
    class_names=data.get("class_names"),
  )
  found = detection_dataset(name, reader, data.get("max_boxes", MAX_BOXES))
  if (left_out := found.fact("left_out")) and parallel.is_lead():
    print(
      f"{name}: {left_out} boxes are left out, without area or beyond the "
      f"{data.get('max_boxes', MAX_BOXES)} largest of their image."
    )
  return found


def _synthetic(config, split):
  return _made(config, split, "data.synthetic")


def _pairs(config, split):
  return _made(config, split, "data.pairs")


def _labeled_targets(config, split):
  return labeled_targets(_pairs(config, split))


def _made(config, split, package):
  """Calls a member of a package with the options, also those of the split."""
  options = config.data.to_dict()
  make = lookup.find(package, options.pop("name"))
  parts = {k: v for k, v in options.items() if isinstance(v, dict)}
  shared = {k: v for k, v in options.items() if k not in ("kind", *parts)}
  return call(make, **shared, **_part_of(parts, config.data.name, split))


def _target(config, split):
  return domains(config, split)[1]


def _paired_loaders(config):
  sources, target = domains(config, "train")
  half, odd = divmod(config.training.batch_size, 2)
  if odd:
    raise ValueError(
      f"training.batch_size = {config.training.batch_size}: expected an even "
      "number, half of it for the source and half for the target."
    )
  training = paired_loader(sources, target, half, seed=config.seed)
  validation = paired_evaluation_loader(
    *domains(config, "validation"), config.evaluation.batch_size
  )
  return training, validation, _facts(sources, target)


def _describe_pair(config):
  sources, target = domains(config, "test")
  domain = {"domain": jax.ShapeDtypeStruct((2,), np.int32)}
  labeled, unlabeled = spec_of_batch(sources[0]), spec_of_batch(target)
  del unlabeled["y"]
  batch = {"source": labeled | domain, "target": unlabeled | domain}
  return batch, _facts(sources, target)


def _facts(sources, target) -> Facts:
  return {**target.info, "num_domains": len(sources) + 1}


class _Kind(NamedTuple):
  """The functions of one kind of data, a value of `config.data.kind`."""

  loaders: Callable[[ConfigDict], tuple[Loader, Loader, Facts]]
  dataset: Callable[[ConfigDict, str], Dataset]
  describe: Callable[[ConfigDict], tuple[Batch, Facts]]


def _of_one(dataset: Callable[[ConfigDict, str], Dataset]) -> _Kind:
  """Makes the functions of data that are one dataset."""

  def loaders(config):
    train, validation = (dataset(config, s) for s in ("train", "validation"))
    return (
      _training_loader(config, train),
      evaluation_loader(validation, config.evaluation.batch_size),
      train.info,
    )

  def describe(config):
    test = dataset(config, "test")
    return spec_of_batch(test), test.info

  return _Kind(loaders, dataset, describe)


def _training_loader(config: ConfigDict, real: Dataset) -> Loader:
  """Of the dataset, or mixed with another one that `data.extra` describes."""
  batch_size = config.training.batch_size
  if "extra" in config.data and real.read_training is not None:
    raise ValueError(
      f"data.extra and data.size = {config.data.size}: expected one of them, "
      "since random crops cannot be mixed with other data."
    )
  if "extra" in config.data:
    return call(
      loader_with_extra,
      real,
      batch_size,
      config.seed,
      config.data.get("data_dir"),
      **config.data.extra,
    )
  return training_loader(real, batch_size, seed=config.seed)


_KINDS = {
  "corpus": _of_one(corpus_dataset),
  "dataset": _of_one(_stored),
  "detection": _of_one(_annotated),
  "domains": _Kind(_paired_loaders, _target, _describe_pair),
  "labeled_targets": _of_one(_labeled_targets),
  "pairs": _of_one(_pairs),
  "stacked": _of_one(_stacks),
  "synthetic": _of_one(_synthetic),
  "text": _of_one(text_dataset),
  "words": _of_one(misspelled_dataset),
}


def _kind(config) -> _Kind:
  kind = config.data.get("kind")
  if kind not in _KINDS:
    raise ValueError(
      f"config.data.kind = '{kind}': expected one of {', '.join(_KINDS)}."
    )
  return _KINDS[kind]


def _load(data, name, section, split, **options):
  part = _part_of(section, name, split)
  return load(name, part, data.get("data_dir"), **options)


def _part_of(section, name, split):
  if split not in section:
    raise ValueError(
      f"the config has no split '{split}' of the dataset '{name}': expected "
      f"one such as '{split}: train[:10%]' beside its other splits."
    )
  return section[split]
