"""What domain adaptation is fed: labelled source batches beside bare targets.

Domains are of different sizes, so each is an endless stream of its own. MNIST-M
is made of MNIST's digits, so each stream has a shuffle of its own too: in the
same order a batch would hold every digit in both domains.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from robust_jax import checks
from robust_jax.data.feed import (
  RESIDENT_LIMIT_BYTES,
  Feed,
  evaluation_feed,
  ordered_feed,
)
from robust_jax.data.joined import joined
from robust_jax.data.source import Source
from robust_jax.types import Batch, PyTree


def paired_feed(
  sources: Sequence[Source],
  target: Source,
  batch_size: int,
  *,
  seed: int,
  resident_limit_bytes: int = RESIDENT_LIMIT_BYTES,
) -> Feed:
  """Batches `{"source": Batch, "target": Batch}` without end.

  The source batch has `x`, `y`, `mask` and `domain` int32 `[B]`, the number of
  the source that a row is from; each gives equally many, and each device has
  its share of all. The target batch has `x`, `mask` and its own `domain`, the
  next number: its labels are neither read into the feed nor reach a step.

  Each stream is one permutation after another of its whole data set, drawn from
  (seed, number of the stream, its own epoch). Nothing is skipped: a batch may
  end one epoch and begin the next.

  Args:
    sources: one or several; all images of one shape (`aligned`).
    target: of the same shape. Its labels may be unknown.
    batch_size: B, over all processes, of each of the two batches.
    seed: of the orders.
    resident_limit_bytes: of each stream; a larger one is streamed.

  Returns:
    The feed, whose `num_steps` is an epoch of the longest stream, rounded up.

  Raises:
    ValueError: there is no source, a domain is empty, image shapes differ, the
      batch size does not divide by sources and devices, or the seed is
      negative.
  """
  checks.non_negative("seed", seed)
  checks.at_least_one("batch_size", batch_size)
  _check_domains(sources, target, batch_size)
  stream = functools.partial(
    _stream, seed=seed, resident_limit=resident_limit_bytes
  )
  rows = batch_size // len(sources)
  labelled = [stream(s, number, rows) for number, s in enumerate(sources, 1)]
  bare = stream(_unlabelled(target), 0, batch_size)

  def requests(start):
    streams = zip(*(f.requests(start) for f in labelled), strict=True)
    pairs = zip(streams, bare.requests(start), strict=True)
    return ({"source": s, "target": _without_y(t)} for s, t in pairs)

  def fetch(resident: PyTree, request: PyTree) -> Batch:
    parts = [
      feed.fetch(kept, asked) | {"domain": _filled(number, asked)}
      for number, (feed, kept, asked) in enumerate(
        zip(labelled, resident["source"], request["source"], strict=True)
      )
    ]
    return {
      "source": {k: jnp.concatenate([p[k] for p in parts]) for k in parts[0]},
      "target": bare.fetch(resident["target"], request["target"])
      | {"domain": _filled(len(labelled), request["target"])},
    }

  resident = {
    "source": tuple(feed.resident for feed in labelled),
    "target": _without_y(bare.resident),
  }
  num_steps = max(feed.num_steps for feed in (*labelled, bare))
  return Feed(resident, requests, fetch, num_steps)


def paired_evaluation_feed(
  sources: Sequence[Source], target: Source, batch_size: int
) -> Feed:
  """Every example of both once, in order, with all labels.

  The shorter of the two is followed by batches of padding (mask 0).

  Args:
    sources: one or several; one after the other.
    target: of the same image shape. Its labels are for measuring alone.
    batch_size: B, over all processes, of each of the two batches.

  Raises:
    ValueError: as `evaluation_feed`, or image shapes differ.
  """
  _check_domains(sources, target, len(sources))
  feeds = {
    "source": evaluation_feed(joined(sources), batch_size),
    "target": evaluation_feed(target, batch_size),
  }
  num_steps = max(feed.num_steps for feed in feeds.values())

  def requests(start):
    streams = (_then_padding(feed.requests(0)) for feed in feeds.values())
    pairs = itertools.islice(zip(*streams, strict=True), start, num_steps)
    return (dict(zip(feeds, pair, strict=True)) for pair in pairs)

  def fetch(resident: PyTree, request: PyTree) -> Batch:
    return {k: f.fetch(resident[k], request[k]) for k, f in feeds.items()}

  resident = {name: feed.resident for name, feed in feeds.items()}
  return Feed(resident, requests, fetch, num_steps)


def _then_padding(requests):
  for request in requests:
    yield request
  while True:
    yield request | {"mask": np.zeros_like(request["mask"])}


def _check_domains(sources, target, batch_size):
  if not sources:
    raise ValueError("no source domain is given: wanted one or more.")
  if batch_size % len(sources):
    raise ValueError(
      f"batch_size = {batch_size} does not divide by {len(sources)} source "
      "domains: choose a multiple of their number."
    )
  for domain in (*sources, target):
    if len(domain) == 0:
      raise ValueError(f"'{domain.name}' is empty: wanted some examples.")
    if domain.image_shape != target.image_shape:
      raise ValueError(
        f"images of '{domain.name}' are {domain.image_shape}, those of the "
        f"target '{target.name}' {target.image_shape}: wanted one shape. "
        "Present both in a common one (robust_jax.data.aligned)."
      )


def _stream(source, number, batch_size, *, seed, resident_limit):
  num_examples = len(source)

  # A batch spans two epochs where one ends, more of a small data set.
  @functools.lru_cache(maxsize=2 + batch_size // num_examples)
  def permutation(epoch):
    draw = np.random.default_rng((seed, number, epoch))
    return draw.permutation(num_examples).astype(np.int32)

  def order(step):
    places = range(step * batch_size, (step + 1) * batch_size)
    index = [permutation(p // num_examples)[p % num_examples] for p in places]
    return np.array(index, np.int32), np.ones(batch_size, np.float32)

  return ordered_feed(
    source,
    order,
    num_examples=num_examples,
    batch_size=batch_size,
    num_steps=math.ceil(num_examples / batch_size),
    resident_limit=resident_limit,
  )


def _unlabelled(source: Source) -> Source:
  """The same images; every label is 0, so that no secret one is refused."""

  def read_pairs(indices):
    return ((image, 0) for image, _ in source.read_pairs(indices))

  return dataclasses.replace(source, read_pairs=read_pairs)


def _without_y(tree):
  return {k: v for k, v in tree.items() if k != "y"} if tree else tree


def _filled(number, request):
  return jnp.full(request["mask"].shape, number, jnp.int32)
