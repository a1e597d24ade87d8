"""Quality of generated samples on held-out data, by which runs are chosen."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from robust_jax import metrics
from robust_jax.evaluators.generation.frechet_distance import (
  Moments,
  frechet_of_moments,
)
from robust_jax.models.inference import Generator
from robust_jax.types import Array, Batch, Evaluator, Key, Metrics, Model

_SAMPLES = ("real", "generated")


def sample_quality(
  features_fn: Callable[[Array], Array] | None = None,
  logits_fn: Model | None = None,
) -> Evaluator:
  """Frechet distance, spread and class entropy of generated samples.

  With each batch of held-out examples as many are generated. Sums of features
  and of their products are summed over batches, so that the distance is that of
  all held-out examples, whatever the batch size.

  Args:
    features_fn: x -> features `[B, ...]`; None for x itself.
    logits_fn: x -> logits `[B, K]`; None for no classes.

  Returns:
    The evaluator of a `models.inference.Generator`. It reports
    "frechet_distance", see `evaluators.generation.frechet_distance`; "spread",
    the ratio of the root mean square distance of two generated examples to that
    of two real ones, which is near 0 after a collapse and near 1 if all is
    well; and, with classes, "class_entropy", the entropy of the frequencies of
    predicted classes in nats, log K if all are equally frequent, and
    "class_total_variation", half of the sum of their differences to those of
    real examples.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import evaluators, metrics
    >>> from robust_jax.models.inference import Generator
    >>> evaluator = evaluators.sample_quality()
    >>> x = jax.random.normal(jax.random.key(1), (256, 2))
    >>> batch = {"x": x, "mask": jnp.ones(256)}
    >>> narrow = Generator(lambda z: z / 4, 2)
    >>> measured = evaluator.measure(narrow, batch, jax.random.key(0))
    >>> summary = evaluator.summarize(metrics.result(measured))
    >>> 0.2 < summary["spread"] < 0.3
    True
  """

  def measure(model: Generator, batch: Batch, key: Key) -> Metrics:
    mask = batch["mask"]
    generated = model.sample(key, len(mask))
    found: Metrics = {}
    for name, x in zip(_SAMPLES, (batch["x"], generated), strict=True):
      found |= _sums(name, _features(x), mask)
      if logits_fn is not None:
        logits = logits_fn(x)
        classes = jax.nn.one_hot(logits.argmax(axis=-1), logits.shape[-1])
        found[f"{name}_classes"] = metrics.average(classes, mask)
    return found

  def _features(x: Array) -> Array:
    features = x if features_fn is None else features_fn(x)
    return features.reshape(len(x), -1)

  return Evaluator(measure, _summarize)


def _sums(sample: str, features: Array, mask: Array) -> Metrics:
  """The sums of features `[D]` and of their products `[D, D]`."""
  kept = jnp.where(mask[:, None] > 0, features.astype(jnp.float32), 0.0)
  products = jnp.matmul(kept.T, kept, precision=jax.lax.Precision.HIGHEST)
  return {
    f"{sample}_features": metrics.average(features, mask),
    f"{sample}_products": (products, jnp.sum(mask)),
  }


def _summarize(averages: Mapping[str, Any]) -> dict[str, float]:
  """Replaces the averages of features and classes by the scores."""
  others = dict(averages)
  real, generated = (
    _moments(others.pop(f"{sample}_features"), others.pop(f"{sample}_products"))
    for sample in _SAMPLES
  )
  traces = [np.trace(sample.covariance) for sample in (generated, real)]
  found = {
    "frechet_distance": frechet_of_moments(real, generated),
    "spread": float(np.sqrt(max(traces[0], 0) / traces[1])),
  }
  if "real_classes" in others:
    q, p = (others.pop(f"{sample}_classes") for sample in _SAMPLES)
    found["class_entropy"] = float(scipy.special.entr(p).sum())
    found["class_total_variation"] = float(np.abs(p - q).sum() / 2)
  return others | found


def _moments(mean: np.ndarray, products: np.ndarray) -> Moments:
  return Moments(mean, products - np.outer(mean, mean))
