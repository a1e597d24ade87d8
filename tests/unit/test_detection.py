"""A toy detector of one square: padded boxes and raw outputs, end to end."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import attacks, scores, search
from robust_jax import perturbations as sets
from robust_jax.data.dataset import from_arrays
from robust_jax.data.loader import evaluation_loader, training_loader
from robust_jax.evaluators.robustness import robustness
from robust_jax.tasks.supervised import supervised
from robust_jax.training import log
from robust_jax.training.loop import LoopConfig, dry_run, train
from robust_jax.training.monitor import Monitor
from robust_jax.training_losses.erm import erm

KEY = jax.random.key(0)
SIDE, SLOTS = 12, 3


def squares(num_examples):
  """A bright square of 3 to 5 pixels on noise, and its box in slot 0 of 3."""
  rng = np.random.default_rng(0)
  x = rng.integers(0, 90, (num_examples, SIDE, SIDE, 1)).astype(np.uint8)
  boxes = np.zeros((num_examples, SLOTS, 4), np.float32)
  for image, box in zip(x, boxes, strict=True):
    size = rng.integers(3, 6)
    top, left = rng.integers(0, SIDE - size + 1, 2)
    image[top : top + size, left : left + size] = 220
    box[0] = np.float32([top, left, top + size, left + size]) / SIDE
  mask = np.zeros((num_examples, SLOTS), np.float32)
  mask[:, 0] = 1
  return from_arrays(
    "squares", {"x": x, "y": {"boxes": boxes, "mask": mask}}, _decode
  )


def _decode(stored):
  return {**stored, "x": stored["x"] / 255.0}


class Detector(nn.Module):
  """Raw outputs: "boxes" `[B, N, 4]` and "logits" `[B, N]` of their being."""

  @nn.compact
  def __call__(self, x, *, train=False):
    del train
    x = nn.relu(nn.Dense(64)(x.reshape(len(x), -1)))
    raw = nn.Dense(SLOTS * 5)(x).reshape(-1, SLOTS, 5)
    return {"boxes": raw[..., :4], "logits": raw[..., 4]}


def box_loss(outputs, targets):
  """Absolute error of the real boxes, and the cross-entropy of being one."""
  error = jnp.abs(outputs["boxes"] - targets["boxes"]).sum(axis=-1)
  found = optax.sigmoid_binary_cross_entropy(outputs["logits"], targets["mask"])
  return (targets["mask"] * error + found).sum(axis=-1)


def task():
  attack = attacks.compose(search.pgd, sets.linf(0.05), box_loss, num_steps=3)
  return supervised(
    Detector(),
    optax.adam(3e-3),
    loss=erm(box_loss),
    score=scores.mean_iou,
    evaluator=robustness(
      {"robust": attack}, score=scores.mean_iou, objective=box_loss
    ),
  )


def test_a_detector_learns_and_is_attacked_through_its_raw_outputs(tmp_path):
  parts = (
    task(),
    training_loader(squares(512), 64, seed=0),
    evaluation_loader(squares(50), 32),
    LoopConfig(200, 100, 100, Monitor("robust_mean_iou")),
  )
  dry_run(*parts)
  outcome = train(*parts, KEY, tmp_path)
  assert outcome.status == "finished"
  records = [r for r in log.read(tmp_path) if r["split"] == "validation"]
  assert records[-1]["mean_iou"] > 0.4
  assert records[-1]["loss"] < 0.9 * records[0]["loss"]
  for record in records:
    assert record["robust_mean_iou"] < record["mean_iou"]


def test_padded_slots_have_no_influence_on_the_score():
  rows = {"boxes": jnp.float32([[[0, 0, 2, 2], [0, 0, 1, 1]]])}
  target = {"boxes": jnp.float32([[[0, 1, 2, 3], [9, 9, 9, 9]]])}
  alone = target | {"mask": jnp.float32([[1, 0]])}
  np.testing.assert_allclose(scores.mean_iou(rows, alone), 1 / 3)
  both = target | {"mask": jnp.float32([[1, 1]])}
  np.testing.assert_allclose(scores.mean_iou(rows, both), 1 / 6)
  nothing = target | {"mask": jnp.zeros((1, 2))}
  assert scores.mean_iou(rows, nothing) == 0


@pytest.mark.parametrize(
  ("box", "expected"),
  [
    ((0, 0, 2, 2), 1.0),
    ((2, 2, 0, 0), 0.0),  # inside out
    ((1, 1, 3, 3), 1 / 7),
    ((5, 5, 6, 6), 0.0),
  ],
)
def test_the_intersection_over_union_of_two_boxes(box, expected):
  outputs = {"boxes": jnp.float32(box).reshape(1, 1, 4)}
  targets = {"boxes": jnp.float32([[[0, 0, 2, 2]]]), "mask": jnp.ones((1, 1))}
  np.testing.assert_allclose(scores.mean_iou(outputs, targets), expected)
