"""Datasets refuse what does not fit, and train whatever their examples are."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import parallel
from robust_jax.data.concatenate import concatenate
from robust_jax.data.dataset import from_arrays
from robust_jax.data.images import image_shape
from robust_jax.data.loader import evaluation_loader, training_loader
from robust_jax.data.match_shapes import match_shapes
from robust_jax.data.paired_loader import (
  paired_evaluation_loader,
  paired_loader,
)
from robust_jax.training import log
from robust_jax.training.checkpoint import Checkpoints
from robust_jax.training.loop import LoopConfig, train
from robust_jax.training.monitor import Monitor
from robust_jax.types import State, Task
from tests.contract import kinds_of_data

KEY = jax.random.key(0)


def fit(per_example, params):
  """A task that minimizes a loss `(params, batch) -> [B]` by Adam."""
  optimizer = optax.adam(0.2)

  def total(params, batch):
    return jnp.sum(per_example(params, batch) * batch["mask"])

  def init(key, batch):
    del key, batch
    return State(jnp.int32(0), params, {}, optimizer.init(params))

  def step(state, batch, key):
    del key
    loss, gradient = jax.value_and_grad(total)(state.params, batch)
    updates, opt_state = optimizer.update(
      parallel.total(gradient), state.opt_state
    )
    new = state._replace(
      step=state.step + 1,
      params=optax.apply_updates(state.params, updates),
      opt_state=opt_state,
    )
    return new, parallel.total({"loss": (loss, batch["mask"].sum())})

  def evaluate(state, batch, key):
    del key
    return {"loss": (total(state.params, batch), batch["mask"].sum())}

  return Task(
    init,
    step,
    evaluate,
    deployed=lambda state: lambda x: x,
    variables=lambda state: state.params,
  )


def sentence_loss(params, batch):
  """Logistic regression on the mean embedding of the tokens there are."""
  x = batch["x"]
  score = (params["embedding"][x["tokens"]] * x["mask"]).sum(axis=-1)
  return optax.sigmoid_binary_cross_entropy(score, batch["y"] * 1.0)


def area_loss(params, batch):
  """The area of all boxes from the number of bright pixels."""
  boxes, mask = batch["y"]["boxes"], batch["y"]["mask"]
  sides = boxes[..., 2:] - boxes[..., :2]
  area = jnp.sum(sides.prod(axis=-1) * mask, axis=-1)
  bright = jnp.sum(batch["x"] > 0.5, axis=(1, 2, 3))
  return jnp.square(params["scale"] * bright - area)


TASKS = {
  "sentences": (sentence_loss, {"embedding": jnp.zeros(9)}),
  "squares": (area_loss, {"scale": jnp.zeros(())}),
}


def trained(task, dataset, limit, path):
  """The state after 60 steps, and the training loss of each."""
  path.mkdir()
  outcome = train(
    task,
    training_loader(dataset, 8, seed=0, resident_limit_bytes=limit),
    evaluation_loader(dataset, 16, resident_limit_bytes=limit),
    LoopConfig(60, 1, 60, Monitor("loss", "min")),
    KEY,
    path,
  )
  assert outcome.status == "finished"
  checkpoints = Checkpoints(path / "checkpoints", 2, Monitor("loss", "min"))
  state = checkpoints.restore_latest(task.init(KEY, None))
  checkpoints.close()
  return state, [r["loss"] for r in log.read(path) if r["split"] == "train"]


@pytest.mark.parametrize("kind", TASKS)
def test_the_loop_trains_on_tokens_and_on_boxes(kind, tmp_path):
  dataset, task = kinds_of_data.KINDS[kind](), fit(*TASKS[kind])
  streamed, _ = trained(task, dataset, 0, tmp_path / "streamed")
  resident, losses = trained(task, dataset, 2**20, tmp_path / "resident")
  chex.assert_trees_all_equal(streamed, resident)
  assert np.mean(losses[-5:]) < 0.2 * np.mean(losses[:5])


IMAGES, SENTENCES, UNLABELED = (
  kinds_of_data.images(),
  kinds_of_data.sentences(),
  kinds_of_data.unlabeled(),
)


def test_a_target_needs_no_labels():
  """Neither to be trained on, nor to be given the shape of the others."""
  (source,), target = match_shapes([IMAGES], UNLABELED)
  loader = paired_loader([source], target, 8, seed=0)
  batch = loader.decode(loader.device_data, next(loader.indices(0)))
  assert set(batch["target"]) == {"x", "mask", "domain"}
  labeled = paired_loader([source], IMAGES, 8, seed=0)
  again = labeled.decode(labeled.device_data, next(labeled.indices(0)))
  chex.assert_trees_all_equal(batch, again)


def test_domains_need_not_be_images():
  sources = [kinds_of_data.sentences(16), kinds_of_data.sentences(24)]
  loader = paired_loader(sources, SENTENCES, 8, seed=0)
  batch = loader.decode(loader.device_data, next(loader.indices(0)))
  assert batch["source"]["x"]["tokens"].shape == (8, 6)
  assert np.bincount(batch["source"]["domain"]).tolist() == [4, 4]


def test_unlike_facts_are_forgotten():
  other = dataclasses.replace(SENTENCES, info={"num_classes": 2})
  both = concatenate([SENTENCES, other])
  assert both.fact("num_classes") == 2
  with pytest.raises(ValueError, match="`vocabulary` is not known of dataset"):
    both.fact("vocabulary")


def test_what_is_read_must_be_as_the_spec_says():
  """Otherwise the loader says so, before anything is compiled."""
  wrong = dataclasses.replace(
    UNLABELED, read=lambda indices: {"x": np.zeros((len(indices), 8, 8))}
  )
  with pytest.raises(ValueError, match="'unlabeled' read 40 examples"):
    evaluation_loader(wrong, 8)


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: UNLABELED.field("y"), "'unlabeled' has no labels `y`: .* `x`"),
    (
      lambda: IMAGES.field("boxes"),
      "'images' has no field `boxes`: .* `x`, `y`",
    ),
    (lambda: UNLABELED.fact("num_classes"), "info has nothing"),
    (
      lambda: from_arrays("odd", {"x": np.zeros(3), "mask": np.zeros(3)}),
      "spec of dataset 'odd' .* reserved for the loader",
    ),
    (
      lambda: from_arrays("odd", {"x": np.zeros((3, 2)), "y": np.zeros(2)}),
      r"'odd' have the shapes \{'x': \(3, 2\), 'y': \(2,\)\}",
    ),
    (
      lambda: from_arrays("odd", {"x": np.float32(1)}),
      "one number of examples",
    ),
    (lambda: image_shape(SENTENCES), "`x` of dataset 'sentences' are .*int32"),
    (
      lambda: match_shapes([IMAGES], SENTENCES),
      "'sentences' .* expected images",
    ),
    (
      lambda: match_shapes([UNLABELED], IMAGES),
      "'unlabeled' has no labels `y`",
    ),
    (
      lambda: paired_loader([UNLABELED], IMAGES, 8, seed=0),
      "'unlabeled' has no labels `y`",
    ),
    (
      lambda: paired_loader([IMAGES], SENTENCES, 8, seed=0),
      r"'images' are uint8 \(8, 8, 1\), .* target 'sentences' .* expected one",
    ),
    (
      lambda: paired_evaluation_loader([IMAGES], UNLABELED, 8),
      "'unlabeled' has no labels `y`",
    ),
    (
      lambda: concatenate([IMAGES, SENTENCES]),
      "'images' are .*uint8 .* 'sentences' .*int32 .* expected one spec",
    ),
    (
      lambda: concatenate([UNLABELED, from_arrays("raw", UNLABELED.read([0]))]),
      "'unlabeled' and 'raw' are decoded by different functions",
    ),
  ],
)
def test_what_does_not_fit_is_named(make, message):
  with pytest.raises(ValueError, match=message):
    make()
