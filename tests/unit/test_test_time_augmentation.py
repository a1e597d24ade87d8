"""Averages over views, as a model like any other."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import augmentation, losses, perturbations
from robust_jax.attacks.cost import count_model_calls
from robust_jax.comparison.predictors.averaged_predictor import (
  averaged_predictor,
)
from robust_jax.defenses.test_time_augmentation import (
  test_time_augmentation as average,
)
from robust_jax.defenses.views import GridViews, RandomViews
from robust_jax.evaluators.robustness import robustness
from robust_jax.models.classifiers.small_cnn import SmallCNN
from robust_jax.models.inference import inference_fn

FLIPS = GridViews(perturbations.shift(0, flip="horizontal"), 1)
SHIFTS = GridViews(perturbations.shift(1), 3)
NET = SmallCNN(num_classes=4)


def images(batch=5):
  rng = np.random.default_rng(0)
  return jnp.asarray(rng.random((batch, 8, 8, 1), np.float32))


@functools.cache
def variables(seed):
  return jax.jit(NET.init)(jax.random.key(seed), images())


def test_the_answer_is_the_mean_of_probabilities():
  model, x = inference_fn(NET, variables(0)), images()
  found = jax.nn.softmax(average(model, FLIPS)(x))
  both = jax.nn.softmax(model(x)), jax.nn.softmax(model(x[:, :, ::-1]))
  np.testing.assert_allclose(found, sum(both) / 2, rtol=1e-5)


def test_views_of_a_grid_are_its_points():
  views = np.asarray(jax.jit(SHIFTS)(images()))
  assert views.shape == (9, *images().shape)
  padded = np.pad(images(), ((0, 0), (1, 1), (1, 1), (0, 0)))
  windows = [
    padded[:, i : i + 8, j : j + 8] for i in range(3) for j in range(3)
  ]
  for view in views:
    assert any(np.array_equal(view, window) for window in windows)
  assert len({view.tobytes() for view in views}) == 9


def test_over_all_flips_a_model_answers_mirror_images_alike():
  model = average(inference_fn(NET, variables(0)), FLIPS)
  np.testing.assert_allclose(
    model(images()), model(images()[:, :, ::-1]), rtol=1e-5, atol=1e-6
  )


@pytest.mark.parametrize(
  "views",
  [
    RandomViews(augmentation.pad_crop(2), 4),
    RandomViews(augmentation.corrupt("gaussian_noise"), 3),
  ],
)
def test_drawn_views_are_the_same_for_every_image_and_time(views):
  x = images()
  made = jax.jit(views)
  y = made(x)
  assert y.shape == (views.count, *x.shape)
  np.testing.assert_array_equal(y[0], x)
  assert all(np.any(view != x) for view in y[1:])
  np.testing.assert_array_equal(y[:, ::-1], made(x[::-1]))
  np.testing.assert_allclose(y[:, 2:3], jax.jit(views)(x[2:3]), atol=1e-6)


def test_it_is_evaluated_like_a_model_and_compiled_once():
  x = images()
  batch = {"x": x, "y": jnp.arange(5) % 4, "mask": jnp.ones(5)}
  traces = []

  @jax.jit
  def measure(model):
    traces.append(1)
    return robustness().measure(model, batch, jax.random.key(0))

  values = [
    measure(average(inference_fn(NET, variables(seed)), FLIPS))
    for seed in (0, 1)
  ]
  assert len(traces) == 1
  assert values[0]["loss"][0] != values[1]["loss"][0]


def test_it_can_be_attacked_through_all_of_its_views():
  model, x = inference_fn(NET, variables(0)), images()
  loss = lambda x: losses.cross_entropy(
    average(model, SHIFTS)(x), jnp.zeros(5, int)
  ).sum()
  assert np.all(np.abs(jax.jit(jax.grad(loss))(x)).max((1, 2, 3)) > 0)
  once = lambda key, logits_fn, x, y: x + 0 * logits_fn(x).sum()
  assert (
    count_model_calls(
      once, average(model, SHIFTS), x, jnp.zeros(5, int)
    ).forward
    == 1
  )


def test_what_has_no_views_is_refused():
  with pytest.raises(ValueError, match="a set without a grid"):
    GridViews(perturbations.linf(0.1), 2)
  with pytest.raises(ValueError, match="count = 0"):
    RandomViews(augmentation.flip(), 0)


def left_half(batch):
  """Logits of any Python callable: how bright the left half is, and 0."""
  means = [image[:, : image.shape[1] // 2].mean() / 100 for image in batch]
  return np.stack([means, np.zeros(len(batch))], axis=1)


def test_any_predictor_is_averaged_over_views_of_any_size():
  rng = np.random.default_rng(1)
  shapes = [(4, 6, 1), (8, 8, 3), (4, 6, 1)]
  pictures = [rng.integers(0, 256, shape, np.uint8) for shape in shapes]
  found = averaged_predictor(left_half, FLIPS, 2)(pictures)
  mirrored = [picture[:, ::-1] for picture in pictures]
  expected = [jax.nn.softmax(left_half(p)) for p in (pictures, mirrored)]
  np.testing.assert_allclose(found, sum(expected) / 2, rtol=1e-5)


def test_a_view_without_an_answer_is_no_answer():
  def fails_on_some(batch):
    answers = left_half(batch)
    return np.where(answers[:, :1] > 1, np.nan, answers)

  half = np.zeros((4, 6, 1), np.uint8)
  half[:, 3:] = 200
  blank = np.zeros_like(half)
  found = averaged_predictor(fails_on_some, FLIPS, 2)([half, blank])
  np.testing.assert_array_equal(np.isnan(found), [[True] * 2, [False] * 2])
  classes = averaged_predictor(lambda b: np.zeros(len(b), int), FLIPS, 2)
  with pytest.raises(ValueError, match="returns classes"):
    classes([blank])
