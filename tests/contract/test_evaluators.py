"""Laws of every evaluator; they are discovered, not listed."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import lookup, metrics
from robust_jax.models.inference import (
  DomainAdaptedModel,
  Generator,
  ImageTranslator,
  SplitModel,
)
from robust_jax.tasks._example import (
  NUM_CLASSES,
  example_batch,
  example_domains,
)
from tests.contract.samples import called, first_accepted

PACKAGE = "evaluators"
KEY = jax.random.key(0)
REAL = 5  # of eight examples

each_evaluator = pytest.mark.parametrize("name", lookup.members(PACKAGE))


def classifier(seed):
  """A linear one, in two parts."""
  weights = jax.random.normal(jax.random.key(seed), (16, NUM_CLASSES))
  return SplitModel(
    jax.tree_util.Partial(lambda x: x.reshape(len(x), -1) - 0.5),
    jax.tree_util.Partial(lambda weights, h: h @ weights, weights),
  )


def darker(key, model, x, targets):
  """An attack whose examples have nothing to do with each other."""
  del key, model, targets
  return 0.1 * x


SAMPLES = {
  "eps": 0.01,
  "features_fn": classifier(0).features,
  "logits_fn": classifier(0),
  "sigma": 0.1,
  "validation_attacks": {"dark": darker, "inverted": lambda *a: 1 - a[2]},
}


def corners_of_cells(x):
  """A detector of three classes by the levels of gray of an image."""
  levels = x[..., 0, None] - jnp.array([0.3, 0.5, 0.7])
  edges = 4.0 * jnp.stack(jnp.meshgrid(jnp.arange(4), jnp.arange(4)), axis=-1)
  sides = edges - 3 * x, edges + 4 + 3 * x
  return {"heatmap": 9 * levels, "boxes": jnp.concatenate(sides, axis=-1)}


def example_boxes():
  """Three objects at most in each of eight images, of 16x16 pixels."""
  batch, keys = example_batch(), jax.random.split(KEY, 2)
  corner = jax.random.uniform(keys[0], (8, 3, 2), maxval=10.0)
  size = jax.random.uniform(keys[1], (8, 3, 2), minval=4.0, maxval=9.0)
  objects = {
    "boxes": jnp.concatenate([corner, corner + size], axis=-1),
    "classes": jnp.arange(24).reshape(8, 3) % NUM_CLASSES,
    "present": (jnp.arange(3) < jnp.arange(8)[:, None] % 4) * 1.0,
  }
  return {**batch, "y": objects}


IMAGES = jax.random.uniform(KEY, (2, 8, 4, 4, 1))
MEASURED = (
  (classifier(0), example_batch()),
  (DomainAdaptedModel(classifier(0), classifier(1)), example_domains()),
  (
    ImageTranslator(jax.tree_util.Partial(lambda x, keys: 1 - x)),
    {"x": IMAGES[0], "y": IMAGES[1], "mask": jnp.ones(8)},
  ),
  (Generator(jax.tree_util.Partial(jax.nn.sigmoid), 16), example_batch()),
  (jax.tree_util.Partial(corners_of_cells), example_boxes()),
)
"""(model, batch) of each kind that is measured."""


@functools.cache
def made(name):
  return called(lookup.find(PACKAGE, name), SAMPLES)


@functools.cache
def measured(name):
  """(a batch, the compiled measurement of the model that is for it)."""
  measure = made(name).measure
  model, batch = first_accepted(
    name, lambda two: jax.eval_shape(measure, *two, KEY), MEASURED
  )
  return jax.tree.map(np.asarray, batch), jax.jit(
    functools.partial(measure, model)
  )


def where_masked(batch, real, fill):
  """Of every domain, only `real` rows; what others hold is made by `fill`."""
  if "mask" not in batch:
    return {k: where_masked(part, real, fill) for k, part in batch.items()}
  rows = jax.tree.map(
    lambda v: np.where(
      real.reshape(-1, *[1] * (v.ndim - 1)), v, fill(v)
    ).astype(v.dtype),
    batch,
  )
  return rows | {"mask": np.float32(real)}


def sick(values):
  """NaN, or another class."""
  is_float = np.issubdtype(values.dtype, np.floating)
  return (
    np.full_like(values, np.nan) if is_float else (values + 1) % NUM_CLASSES
  )


FIRST = np.arange(8) < REAL


@each_evaluator
def test_metrics_are_masked_sums_with_their_counts(name):
  batch, measure = measured(name)
  for total, count in measure(batch, KEY).values():
    assert count == 8
    assert np.isfinite(total).all()
  for _, count in measure(where_masked(batch, FIRST, sick), KEY).values():
    assert count == REAL


@each_evaluator
def test_padding_changes_nothing_not_even_as_nan(name):
  batch, measure = measured(name)
  jax.tree.map(
    np.testing.assert_array_equal,
    *(measure(where_masked(batch, FIRST, f), KEY) for f in (np.asarray, sick)),
  )


@each_evaluator
def test_sums_of_parts_are_the_sums_of_the_whole(name):
  batch, measure = measured(name)
  parts = (where_masked(batch, real, sick) for real in (FIRST, ~FIRST))
  together = metrics.merge(*(measure(part, KEY) for part in parts))
  jax.tree.map(
    functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6),
    together,
    measure(batch, KEY),
  )


@each_evaluator
def test_a_batch_of_padding_alone_adds_nothing(name):
  batch, measure = measured(name)
  nothing = measure(where_masked(batch, np.zeros(8, bool), sick), KEY)
  assert all(not np.any(leaf) for leaf in jax.tree.leaves(nothing))


@each_evaluator
def test_the_order_of_examples_does_not_matter(name):
  batch, measure = measured(name)
  backwards = jax.tree.map(lambda leaf: leaf[::-1], batch)
  jax.tree.map(
    functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6),
    measure(backwards, KEY),
    measure(batch, KEY),
  )


@each_evaluator
def test_a_summary_is_of_numbers_and_of_accuracies_from_0_to_1(name):
  batch, measure = measured(name)
  summary = made(name).summarize(metrics.result(measure(batch, KEY)))
  assert summary
  assert all(np.isfinite(value) for value in summary.values())
  accuracies = {k: v for k, v in summary.items() if k.endswith("accuracy")}
  assert all(0 <= value <= 1 for value in accuracies.values())


@each_evaluator
def test_no_worst_case_is_better_than_what_it_is_the_worst_of(name):
  batch, measure = measured(name)
  found = metrics.result(measure(batch, KEY))
  worst = {k: v for k, v in found.items() if k.startswith("worst_case_")}
  if not worst:
    pytest.skip("it measures no worst case")
  for metric, value in worst.items():
    score = metric.removeprefix("worst_case_")
    assert value <= min(v for k, v in found.items() if k.endswith(score))
