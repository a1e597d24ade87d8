"""A tiny detector of painted rectangles: trained, attacked, made robust."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import (
  attacks,
  evaluators,
  losses,
  metrics,
  parallel,
  perturbations,
  scores,
  search,
)
from robust_jax.attacks.detection import tog
from robust_jax.attacks.universal.adversarial_patch import (
  place,
  random_placement,
)
from robust_jax.attacks.universal.universal import apply_universal
from robust_jax.augmentation.boxes import flip
from robust_jax.data.synthetic import rectangles
from robust_jax.losses import detection
from robust_jax.models.detection.center_net import detect
from robust_jax.models.detection.targets import as_targets, relabeled
from robust_jax.tasks.supervised import supervised
from robust_jax.training_losses import erm, pgd_at, several_attacks
from tests.unit.tiny_detector import TinyDetector

KEY = jax.random.key(0)
SIDE, THRESHOLD = 32, 0.3
IMAGES = rectangles(64, size=SIDE, max_boxes=2)
TESTED = rectangles(16, seed=1, size=SIDE, max_boxes=2)
STEPS, BATCH = 150, 16


def rows(dataset, start=0, stop=None):
  stored = dataset.read(np.arange(start, stop or len(dataset)))
  batch = dataset.decode(stored)
  return {**batch, "mask": jnp.ones(len(batch["x"]))}


def task(loss, **options):
  return supervised(
    TinyDetector(num_classes=2),
    optax.adam(1e-2),
    loss=loss,
    score=scores.center_iou,
    evaluator=evaluators.detection(),
    **options,
  )


@pytest.fixture(scope="module")
def trained():
  """(task, state) after a few seconds of training with flips."""
  made = task(erm(detection.center_net), augment_batch=flip(vertical=True))
  batch = rows(IMAGES)
  state = jax.jit(made.init)(KEY, batch)
  step = parallel.simulate_step(made.step, 1)
  for i in range(STEPS):
    start = i * BATCH % len(IMAGES)
    part = jax.tree.map(lambda leaf, s=start: leaf[s : s + BATCH], batch)
    state, _ = step(state, (), part, KEY)
  return made, state


@pytest.fixture(scope="module")
def model(trained):
  made, state = trained
  return made.deployed(state)


def average(evaluator, model, batch):
  return evaluator.summarize(
    metrics.result(jax.jit(evaluator.measure)(model, batch, KEY))
  )


def number(model, x):
  found = jax.jit(lambda model, x: detect(model(x)))(model, x)
  return (found["scores"] > THRESHOLD).sum()


def test_it_finds_rectangles_that_it_has_not_seen(model):
  found = average(evaluators.detection(), model, rows(TESTED))
  assert found["ap50"] > 0.7
  assert found["f1"] > 0.7


def test_its_boxes_move_with_a_flipped_image(model):
  """The step flips images with their boxes: the detector knows both."""
  batch = rows(TESTED)
  flipped = jax.tree.map(lambda a: a, batch) | {"x": batch["x"][:, :, ::-1]}
  boxes = batch["y"]["boxes"]
  turned = jnp.stack(
    [SIDE - boxes[..., 2], boxes[..., 1], SIDE - boxes[..., 0], boxes[..., 3]],
    axis=-1,
  )
  moved = flipped | {"y": {**batch["y"], "boxes": turned}}
  right = average(evaluators.detection(), model, moved)["ap50"]
  wrong = average(evaluators.detection(), model, flipped)["ap50"]
  assert right > 0.7 > wrong


GOALS = ("untargeted", "vanish", "fabricate", "most_likely")


@pytest.fixture(scope="module")
def attacked(model):
  """Goal of TOG -> x_adv, from the detections alone."""
  x = rows(TESTED)["x"]
  return {
    goal: tog(goal, eps=0.3, num_steps=8)(KEY, model, x, jnp.zeros(len(x)))
    for goal in GOALS
  }


@pytest.mark.parametrize("goal", GOALS)
def test_an_attack_stays_in_the_ball_and_leaves_the_detector_as_it_is(
  goal, attacked, trained
):
  made, state = trained
  before = jax.tree.map(np.array, made.variables(state))
  x = rows(TESTED)["x"]
  x_adv = attacked[goal]
  assert np.abs(x_adv - x).max() <= 0.3 + 1e-6
  assert not np.array_equal(x_adv, x)
  chex.assert_trees_all_equal(made.variables(state), before)


def test_objects_vanish_and_are_fabricated(model, attacked):
  x = rows(TESTED)["x"]
  clean = number(model, x)
  assert number(model, attacked["vanish"]) < 0.5 * clean
  assert number(model, attacked["fabricate"]) > 2 * clean


def test_the_loss_of_its_own_detections_rises_and_falls_as_sought(
  model, attacked
):
  x = rows(TESTED)["x"]
  outputs = model(x)
  own = as_targets(detect(outputs), THRESHOLD)
  loss = lambda x, targets: float(
    detection.center_net(model(x), targets).mean()
  )
  assert loss(attacked["untargeted"], own) > 2 * loss(x, own)
  other = relabeled(own, outputs, likely=True)
  there = own["present"] > 0
  assert (other["classes"] != own["classes"])[there].all()
  assert loss(attacked["most_likely"], other) < 0.5 * loss(x, other)


def test_what_changed_is_counted(model, attacked):
  """By an evaluator whose attack has its result already."""
  batch = rows(TESTED)
  fixed = {goal: _returns(x_adv) for goal, x_adv in attacked.items()}
  found = average(evaluators.detection(fixed), model, batch)
  assert found["vanish_ap50"] < found["ap50"]
  clean = found["detections"]
  for goal in GOALS:
    kept = clean - found[f"{goal}_vanished"] - found[f"{goal}_mislabeled"]
    assert 0 <= kept <= clean
    new = found[f"{goal}_fabricated"]
    assert 0 <= new <= found[f"{goal}_detections"]
  assert found["vanish_vanished"] > 0.4 * clean
  assert found["fabricate_fabricated"] > clean
  assert found["most_likely_mislabeled"] > 0.2 * clean
  same = average(
    evaluators.detection({"none": _returns(batch["x"])}), model, batch
  )
  assert same["none_ap50"] == same["ap50"]
  for change in ("vanished", "mislabeled", "fabricated"):
    assert same[f"none_{change}"] == 0


def _returns(x_adv):
  return lambda key, model, x, targets: x_adv


def test_classes_are_other_ones_by_likelihood():
  """Of three objects at one center each, of four classes."""
  logits = jnp.zeros((1, 1, 3, 4)).at[0, 0, :].set(jnp.float32([3, 1, 2, 4]))
  outputs = {"heatmap": logits, "boxes": jnp.zeros((1, 1, 3, 4))}
  boxes = jnp.float32([[[0, 0, 4, 4], [4, 0, 8, 4], [8, 0, 12, 4]]])
  objects = {"boxes": boxes, "classes": jnp.array([[3, 1, 0]])}
  found = {
    likely: relabeled(objects, outputs, likely=likely)["classes"].tolist()
    for likely in (True, False)
  }
  assert found == {True: [[0, 3, 3]], False: [[1, 2, 1]]}


def test_objectives_are_composed_with_any_set(model):
  """A patch of a fixed place changes nothing outside, and misleads."""
  batch = rows(TESTED)
  pset = perturbations.patch(20, 20, top=6, left=6)
  attack = attacks.compose(search.pgd, pset, detection.mislabel, num_steps=5)
  x_adv = attack(KEY, model, batch["x"], batch["y"])
  outside = jnp.ones((SIDE, SIDE), bool).at[6:26, 6:26].set(False)
  np.testing.assert_array_equal(x_adv[:, outside], batch["x"][:, outside])
  value = lambda x: detection.mislabel(model(x), batch["y"])
  assert (value(x_adv) >= value(batch["x"])).all()
  assert value(x_adv).sum() > value(batch["x"]).sum() + 1


def test_one_perturbation_and_one_patch_hide_objects_of_other_images(model):
  seen, batch = rows(IMAGES), rows(TESTED)
  clean = number(model, batch["x"])
  pset = perturbations.linf(0.3)
  find = attacks.universal(
    pset, detection.vanish, num_epochs=2, batch_size=16, clip=jnp.inf
  )
  delta = find(KEY, model, seen["x"], seen["y"])
  assert delta.shape == (1, SIDE, SIDE, 3)
  assert number(model, apply_universal(pset, delta, batch["x"])) < 0.7 * clean
  draw = random_placement((0.4, 0.6), degrees=20.0)
  find = attacks.adversarial_patch(
    draw, detection.vanish, resolution=8, num_steps=20, batch_size=16
  )
  patch = find(KEY, model, seen["x"], seen["y"])
  value = lambda patch: detection.vanish(
    model(place(patch, batch["x"], draw(KEY, batch["x"]))), batch["y"]
  ).mean()
  gray = jnp.full_like(patch, 0.5)
  assert value(patch) > value(gray)


def _pgd(objective):
  return attacks.compose(
    search.pgd,
    perturbations.linf(0.1),
    objective,
    num_steps=2,
    step_size=0.5,
    keep="last",
  )


def test_adversarial_training_lowers_the_loss_under_attack(trained):
  loss = pgd_at(_pgd(detection.center_net), objective=detection.center_net)
  made, (_, state) = task(loss), trained
  batch = rows(IMAGES, stop=BATCH)
  step = parallel.simulate_step(made.step, 1)
  state = state._replace(opt_state=optax.adam(1e-2).init(state.params))
  found = []
  for _ in range(20):
    state, report = step(state, (), batch, KEY)
    found.append(metrics.result(report))
  assert found[-1]["loss"] < 0.7 * found[0]["loss"]
  assert found[0]["attack_passes"] == 4  # two gradients


def test_the_worst_of_attacks_on_classes_and_boxes_is_trained_on(trained):
  """Of each image the one of larger loss, by attacks that have their result."""
  _, state = trained
  batch = rows(IMAGES, stop=2)
  x = batch["x"]
  worse = jnp.stack([jnp.zeros_like(x[0]), x[1]])
  fixed = {"class": _returns(x), "box": _returns(worse)}
  loss = several_attacks(fixed, objective=detection.center_net)
  made, plain = task(loss), task(erm(detection.center_net))
  losses_of = []
  for one, rows_ in ((made, batch), (plain, {**batch, "x": worse})):
    _, report = parallel.simulate_step(one.step, 1)(state, (), rows_, KEY)
    losses_of.append(metrics.result(report)["loss"])
  np.testing.assert_allclose(*losses_of, rtol=1e-5)


def test_an_unsuitable_goal_or_model_is_refused_in_one_line(model):
  with pytest.raises(ValueError, match="goal = 'vanished': expected one of"):
    tog("vanished")
  x = rows(TESTED)["x"]
  with pytest.raises(ValueError, match="expected the entries heatmap, boxes"):
    tog()(KEY, lambda x: x.mean((1, 2)), x, jnp.zeros(len(x)))
  attack = attacks.compose(
    search.fgsm, perturbations.linf(0.1), losses.cross_entropy
  )
  with pytest.raises(ValueError, match="the model returned a dict"):
    attack(KEY, model, x, jnp.zeros(len(x), int))
