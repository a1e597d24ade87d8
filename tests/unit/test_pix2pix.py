"""Translation of images: the game, distances, confusion, and the report."""

import functools
import json

import chex
import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import optax
import pytest
import scipy.ndimage

from experiments.configs.gan import gaussian_ring
from experiments.configs.pix2pix import bsds_color, camvid
from experiments.train import train
from robust_jax import metrics, parallel, scores, training_losses
from robust_jax.adversarial_losses import non_saturating, penalties
from robust_jax.augmentation import flip
from robust_jax.evaluators import confusion, paired
from robust_jax.evaluators._image_similarity import psnr, ssim
from robust_jax.models import (
  DcganDiscriminator,
  PatchDiscriminator,
  UnetGenerator,
)
from robust_jax.models.inference import ImageTranslator
from robust_jax.tasks.pix2pix import example, pix2pix
from robust_jax.types import Forward
from tests.unit.command_line import command_line

KEY = jax.random.key(0)
STEP_KEY = jax.random.fold_in(jax.random.fold_in(KEY, 0), 0)
RNG = np.random.default_rng(0)
X = RNG.random((4, 8, 8, 1), np.float32)
ROWS = {"x": X, "y": np.concatenate([X, 1 - X], -1), "mask": np.ones(4)}
GENERATOR = UnetGenerator((8, 8, 2), widths=(4, 4), dropout=0.0)
MODELS = {
  "generator": GENERATOR,
  "discriminator": PatchDiscriminator(widths=(4, 4)),
}


def make(models=MODELS, optimizer=None, **options):
  optimizers = dict.fromkeys(models, optimizer or optax.sgd(0.01))
  return pix2pix(models, optimizers, **options)


def after_one_step(task, rows=ROWS):
  """The state before and after, and the report."""
  state = jax.jit(task.init)(KEY, rows)
  after, report = parallel.simulate_step(task.step, 1)(state, (), rows, KEY)
  return state, after, metrics.result(report)


def both_losses(params, x, y, l1_weight):
  """The losses of both players without dropout, as the paper has them."""
  outputs = lambda image: MODELS["discriminator"].apply(
    {"params": params["discriminator"]}, jnp.concatenate([x, image], -1)
  )
  drawn = GENERATOR.apply({"params": params["generator"]}, x)
  real, fake = (outputs(image).ravel() for image in (y, drawn))
  loss = non_saturating()
  distance = jnp.abs(y - drawn).mean()
  return {
    "discriminator": loss.discriminator(real, fake).mean(),
    "generator": loss.generator(real, fake).mean() + l1_weight * distance,
  }


def test_a_step_descends_on_the_losses_of_the_paper():
  """The discriminator first, then the generator on the updated one."""
  state, after, report = after_one_step(make(l1_weight=3.0))
  params = dict(state.params)
  for player in ("discriminator", "generator"):
    loss = lambda own, p=player: both_losses(
      {**params, p: own}, ROWS["x"], ROWS["y"], 3.0
    )[p]
    value, grads = jax.jit(jax.value_and_grad(loss))(params[player])
    name = "loss" if player == "generator" else "discriminator_loss"
    assert report[name] == pytest.approx(value.item(), rel=1e-4)
    params[player] = jax.tree.map(
      lambda p, g: p - 0.01 * g, params[player], grads
    )
  chex.assert_trees_all_close(dict(after.params), params, rtol=1e-3, atol=1e-6)


def test_without_discriminator_the_distance_alone_is_minimized():
  task = make({"generator": GENERATOR}, optax.adam(0.01), l1_weight=1.0)
  state, step = (
    jax.jit(task.init)(KEY, ROWS),
    parallel.simulate_step(task.step, 1),
  )
  assert set(state.params) == {"generator"}
  reports = []
  for _ in range(30):
    state, report = step(state, (), ROWS, KEY)
    reports.append(metrics.result(report))
  assert all(r["loss"] == r["l1"] for r in reports)
  assert reports[-1]["l1"] < 0.7 * reports[0]["l1"]


def test_both_images_of_a_pair_are_augmented_alike():
  """So the distance of a copied input stays 0, wherever it is turned."""
  seen = []

  def spy(key, both):
    turned = flip()(key, both)
    seen.append(turned.shape)
    return turned

  rows = {"x": X.repeat(3, -1), "y": X, "mask": jnp.ones(4)}
  generator = UnetGenerator((8, 8, 1), widths=(4, 4))
  task = make({"generator": generator}, augment=spy)
  state = jax.eval_shape(task.init, KEY, rows)
  jax.eval_shape(parallel.simulate_step(task.step, 1), state, (), rows, KEY)
  assert seen == [(4, 8, 8, 4)] * len(seen) != []
  y, x = jnp.split(flip()(KEY, jnp.concatenate([X, X], -1)), 2, axis=-1)
  np.testing.assert_array_equal(x, y)


def test_any_discriminator_penalty_and_solver_will_do():
  models = MODELS | {
    "discriminator": DcganDiscriminator(widths=(4,), batch_norm="none")
  }
  task = make(models, l1_weight=0.0, penalties=[penalties.r1()])
  state = jax.eval_shape(task.init, KEY, ROWS)
  step = parallel.simulate_step(task.step, 1)
  _, report = jax.eval_shape(step, state, (), ROWS, KEY)
  assert {"loss", "penalty", "discriminator_loss"} == set(report) - {
    "discriminator_accuracy"
  }


def test_noise_of_a_translation_is_of_its_key_and_place():
  task, batch = example()
  translator = task.deployed(jax.jit(task.init)(KEY, batch))
  sample = jax.jit(ImageTranslator.sample)
  images = sample(translator, KEY, batch["x"])
  np.testing.assert_array_equal(sample(translator, KEY, batch["x"]), images)
  np.testing.assert_allclose(
    sample(translator, KEY, batch["x"][:3]), images[:3], rtol=1e-5
  )
  other = sample(translator, jax.random.key(1), batch["x"])
  assert np.abs(other - images).max() > 1e-4


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"models": {"discriminator": GENERATOR}}, "models of .'discriminator'"),
    (
      {"models": {"generator": GENERATOR}, "l1_weight": 0.0},
      "l1_weight = 0.0 and 0 penalties without a discriminator",
    ),
    ({"l1_weight": -1.0}, "l1_weight = -1"),
  ],
)
def test_options_that_do_not_fit_are_refused(change, message):
  with pytest.raises(ValueError, match=message):
    make(**change)


def test_images_that_are_no_pair_are_refused():
  init = functools.partial(jax.eval_shape, make().init, KEY)
  with pytest.raises(ValueError, match=r"\(4, 8, 8, 1\) and no y: expected"):
    init({"x": X, "mask": jnp.ones(4)})
  with pytest.raises(ValueError, match=r"y of shape \(4, 4, 8, 1\): expected"):
    init({"x": X, "y": X[:, :4], "mask": jnp.ones(4)})


def test_similarity_is_that_of_the_paper():
  x, y = RNG.random((2, 3, 20, 16, 2), np.float32)

  def averaged(image):
    out = scipy.ndimage.gaussian_filter(
      image.astype(np.float64), 1.5, radius=5, axes=(0, 1)
    )
    return out[5:-5, 5:-5]

  expected = []
  for a, b in zip(x, y, strict=True):
    mean_a, mean_b = averaged(a), averaged(b)
    var_a, var_b, both = (
      averaged(p) - q
      for p, q in (
        (a * a, mean_a**2),
        (b * b, mean_b**2),
        (a * b, mean_a * mean_b),
      )
    )
    similarity = (2 * mean_a * mean_b + 1e-4) * (2 * both + 9e-4)
    similarity /= (mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4)
    expected.append(similarity.mean())
  np.testing.assert_allclose(ssim(x, y), expected, rtol=1e-3)
  np.testing.assert_allclose(ssim(x, x), 1, rtol=1e-5)
  assert ssim(x[:, :5], x[:, :5]).shape == (3,)
  np.testing.assert_allclose(psnr(x, x + 0.01), 40, rtol=1e-4)
  np.testing.assert_allclose(psnr(x, x), 100)


def test_the_distance_of_features_is_relative():
  evaluator = paired(lambda x: 3 * x)
  model = ImageTranslator(lambda x, keys: x)
  rows = {"x": 1.5 * X, "y": X, "mask": jnp.ones(4)}
  found = metrics.result(evaluator.measure(model, rows, KEY))
  assert found["feature_distance"] == pytest.approx(0.5)
  assert found["mae"] == pytest.approx(0.5 * X.mean(), rel=1e-5)


def test_confusion_is_counted_over_all_pixels():
  """Against sets of pixels; classes without labels are left out."""
  labels = RNG.integers(-1, 3, (4, 6, 6))  # of four classes
  answers = RNG.integers(0, 4, (4, 6, 6))
  rows = {"x": np.eye(4)[answers], "y": labels, "mask": np.ones(4)}
  evaluator = confusion()
  found = evaluator.summarize(
    metrics.result(evaluator.measure(lambda x: jnp.asarray(x), rows, KEY))
  )
  known = labels >= 0
  right = [known & (labels == k) & (answers == k) for k in range(3)]
  either = [known & ((labels == k) | (answers == k)) for k in range(3)]
  iou = [r.sum() / e.sum() for r, e in zip(right, either, strict=True)]
  recall = [right[k].sum() / (labels == k).sum() for k in range(3)]
  assert found["accuracy"] == pytest.approx((labels == answers)[known].mean())
  assert found["mean_iou"] == pytest.approx(np.mean(iou))
  assert found["class_accuracy"] == pytest.approx(np.mean(recall))


def segmentation_loss(logits, labels, **options):
  loss = training_losses.segmentation(**options)
  train = lambda key, x, model_state=None: (x, {})
  forward = Forward(train, inference=lambda x: x, step=0)
  return loss(forward, {"x": logits, "y": labels}, KEY).per_example


def test_pixels_of_unknown_class_have_no_say_and_weights_are_relative():
  logits = RNG.normal(size=(2, 3, 4)).astype(np.float32)
  labels = np.array([[0, 2, -1], [-1, -1, -1]])
  each = optax.softmax_cross_entropy_with_integer_labels(
    logits[0, :2], labels[0, :2]
  )
  np.testing.assert_allclose(
    segmentation_loss(logits, labels), [each.mean(), 0], rtol=1e-5
  )
  weighted = segmentation_loss(logits, labels, class_weights=(1, 5, 3, 5))
  np.testing.assert_allclose(
    weighted[0], (each[0] + 3 * each[1]) / 4, rtol=1e-5
  )
  np.testing.assert_array_equal(scores.pixel_accuracy(logits, labels)[1], 0)
  with pytest.raises(ValueError, match="2 class_weights for 4 classes"):
    segmentation_loss(logits, labels, class_weights=(1, 2))
  with pytest.raises(ValueError, match="expected one label for each pixel"):
    segmentation_loss(logits, labels[:, :2])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  path = tmp_path_factory.mktemp("translated") / "run"
  train(bsds_color.get_config("smoke"), path)
  return path


def test_the_picture_has_input_translation_and_target_of_each_row(run):
  drawn = matplotlib.image.imread(run / "translations.png")
  assert drawn.shape[:2] == (8 * 18 - 2, 3 * 18 - 2)  # of 16 pixels, gaps of 2
  report = json.loads((run / "report.json").read_text())
  assert report["num_examples"] == 16
  assert {"mae", "psnr", "ssim"} == set(report["runs"]["run"])


def test_pictures_in_training_have_the_same_rows(run):
  """Of held-out pairs, at each evaluation."""
  drawn = matplotlib.image.imread(
    run / "pictures" / "translations" / "00000002.png"
  )
  assert drawn.shape[:2] == (8 * 18 - 2, 3 * 18 - 2)
  assert (run / "translations.webp").exists()


def test_a_run_is_evaluated_beside_another(run, tmp_path, capsys):
  """Of the same weights both columns are equal."""
  status = command_line(
    "evaluate",
    f"--workdir={run}",
    "--config=experiments/configs/pix2pix/bsds_color.py:smoke",
    f"--config.evaluation.beside.l1={run}",
    "--num_examples=5",
  )
  assert status == 0, capsys.readouterr().err
  report = json.loads((run / "report.json").read_text())
  assert report["num_examples"] == 5
  assert report["runs"]["l1"] == report["runs"]["run"]


def test_a_run_of_another_task_is_refused_in_one_line(run, tmp_path, capsys):
  ring = tmp_path / "ring"
  train(gaussian_ring.get_config("smoke"), ring)
  status = command_line(
    "evaluate",
    f"--workdir={run}",
    "--config=experiments/configs/pix2pix/bsds_color.py:smoke",
    f"--config.evaluation.beside.l1={ring}",
  )
  assert status == 2
  error = capsys.readouterr().err
  assert f"{ring} is a run of the task 'gan', which translates no im" in error


def test_arguments_of_configs_leave_one_term_of_the_loss():
  l1, gan = (camvid.get_config(arg) for arg in ("l1", "gan"))
  assert set(l1.models) == set(l1.optimizers) == {"generator"}
  assert l1.task.l1_weight > gan.task.l1_weight == 0
  reader = "runs/camvid/independent_classifier"
  for config in (l1, gan):
    assert config.evaluation.independent_classifier == reader
    assert "independent_classifier" not in config
