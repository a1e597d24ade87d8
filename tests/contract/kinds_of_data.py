"""A small dataset of each kind, and of each way to make one of others."""

import functools

import jax.numpy as jnp
import numpy as np

from robust_jax import lookup
from robust_jax.data.concatenate import concatenate
from robust_jax.data.corpora import packed
from robust_jax.data.dataset import Dataset, from_arrays
from robust_jax.data.images import decode_images, image_dataset, unit_interval
from robust_jax.data.match_shapes import with_shape
from robust_jax.data.pairs.derived import derived_pairs
from robust_jax.data.pairs.label_maps import with_maps
from robust_jax.data.pairs.targets import labeled_targets
from robust_jax.text.tokenizer import train_tokenizer

VOCABULARY = ("", "a", "the", "film", "plot", "is", "was", "good", "bad")
"""Token 0 is padding; the last two decide."""
SIZE = 12
"""Of the images with squares, in pixels."""


def images(num_examples: int = 40) -> Dataset:
  """Images with a class, read one by one."""
  x = np.random.default_rng(0).integers(0, 256, (num_examples, 8, 8, 1))

  def read_pairs(indices):
    return ((x[i].astype(np.uint8), i % 10) for i in indices)

  return image_dataset("images", (8, 8, 1), 10, num_examples, read_pairs)


def sentences(num_examples: int = 40, length: int = 6) -> Dataset:
  """Sequences of tokens, padded; the class is which of two words is there."""
  rng = np.random.default_rng(0)
  good, bad = VOCABULARY.index("good"), VOCABULARY.index("bad")
  tokens = rng.integers(1, good, (num_examples, length)).astype(np.int32)
  lengths = rng.integers(2, length + 1, num_examples)
  y = (np.arange(num_examples) % 2).astype(np.int32)
  tokens[np.arange(num_examples), rng.integers(0, lengths)] = bad + y * (
    good - bad
  )
  mask = np.arange(length) < lengths[:, None]
  return from_arrays(
    "sentences",
    {"x": {"tokens": np.where(mask, tokens, 0), "mask": mask}, "y": y},
    info={"num_classes": 2, "vocabulary": VOCABULARY},
  )


def corpus() -> Dataset:
  """Running text, packed into sequences of which the last has padding."""
  paragraphs = [f"a good film {i} , a bad plot" for i in range(28)]
  paragraphs += ["a plot !"]
  tokenizer = train_tokenizer(paragraphs, kind="character")
  return packed("corpus", paragraphs, tokenizer, length=20)


def squares(num_examples: int = 40, max_boxes: int = 3) -> Dataset:
  """Images with a number of bright squares, and their boxes, padded.

  `y["boxes"]` are `[N, 4]`, x0 y0 x1 y1 in pixels, and `y["mask"]` `[N]` says
  which of them there are.
  """
  rng = np.random.default_rng(0)
  x = rng.integers(0, 60, (num_examples, SIZE, SIZE, 1)).astype(np.uint8)
  boxes = np.zeros((num_examples, max_boxes, 4), np.float32)
  mask = np.arange(max_boxes) <= np.arange(num_examples)[:, None] % max_boxes
  for i, j in np.argwhere(mask):
    left, top = rng.integers(0, SIZE - 4, 2)
    side = rng.integers(2, 5)
    x[i, top : top + side, left : left + side] = 255
    boxes[i, j] = left, top, left + side, top + side
  return from_arrays(
    "squares",
    {"x": x, "y": {"boxes": boxes, "mask": mask}},
    decode_images,
    {"max_boxes": max_boxes},
  )


def pairs() -> Dataset:
  """Pairs of images, of which one is to be drawn from the other."""
  stored = images().read(np.arange(40))["x"]

  def decode(stored):
    return {field: unit_interval(image) for field, image in stored.items()}

  edges = np.abs(np.diff(stored.astype(int), axis=1, append=0))
  return from_arrays(
    "pairs", {"x": edges.astype(np.uint8), "y": stored}, decode
  )


def label_maps() -> Dataset:
  """Images with a class of each pixel, some of them unknown."""
  y = np.random.default_rng(0).integers(0, 256, (40, 6, 6, 3), np.uint8)
  fields = {"y": y, "labels": (y[..., 0] // 64 - 1).astype(np.int8)}
  return with_maps(from_arrays("maps", fields, info={"num_classes": 3}))


def unlabeled() -> Dataset:
  """Images alone."""
  x = images().read(np.arange(40))["x"]
  return from_arrays("unlabeled", {"x": x}, decode_images)


def waves() -> Dataset:
  """Numbers in float16, decoded to more than is stored."""
  frequencies = np.linspace(0, 1, 40, dtype=np.float16)

  def decode(stored):
    phase = stored["x"].astype(jnp.float32)[:, None] * 2 ** jnp.arange(5)
    return {"x": phase % 1, "y": stored["x"]}

  return from_arrays("waves", {"x": frequencies}, decode)


KINDS = {
  "images": images,
  "sentences": sentences,
  "corpus": corpus,
  "squares": squares,
  "pairs": pairs,
  "unlabeled": unlabeled,
  "waves": waves,
  "edges and images": lambda: derived_pairs(images(), "edges", padding=2),
  "label maps": label_maps,
  "targets with labels": lambda: labeled_targets(
    derived_pairs(images(), "edges")
  ),
  "images in another shape": lambda: with_shape(images(), (4, 4, 3)),
  "images after images": lambda: concatenate([images(15), images(25)]),
  "sentences after sentences": lambda: concatenate([sentences()] * 3),
} | {
  name: functools.partial(lookup.find("data.synthetic", name), 40)
  for name in lookup.members("data.synthetic")
}
"""Name -> a function that makes it; each example of it is read anew."""
