"""CenterNet: what its outputs can say, its losses, and its evaluation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import boxes as geometry
from robust_jax import cells, evaluators, metrics
from robust_jax.losses import detection
from robust_jax.models import CenterNet
from robust_jax.models.detection.center_net import detect

KEY = jax.random.key(0)
SIDE, K = 64, 3


def random_objects(seed, number=6, size=(4.0, 30.0)):
  """Objects of one image, whose centers are in cells that do not touch."""
  rng = np.random.default_rng(seed)
  blocks = rng.permutation(16)[:number]
  cell = 4 * np.stack([blocks % 4, blocks // 4], axis=1) + rng.integers(
    0, 3, (number, 2)
  )
  center = 4 * (cell + rng.uniform(0.05, 0.95, (number, 2)))
  half = rng.uniform(*size, (number, 2)) / 2
  boxes = np.concatenate([center - half, center + half], axis=1)
  return {
    "boxes": np.float32(boxes)[None],
    "classes": rng.integers(0, K, (1, number)),
    "present": np.ones((1, number), np.float32),
  }


def perfect_outputs(targets):
  """Raw outputs of the head for those objects: by its inverse."""
  side = SIDE // 4
  rows, columns = cells.of_boxes(targets["boxes"][0], side, side)
  middle = np.asarray(cells.points(side, side))[rows, columns]
  boxes = targets["boxes"][0]
  distance = np.concatenate([middle - boxes[:, :2], boxes[:, 2:] - middle], 1)
  assert (distance > 0).all()
  raw = np.zeros((1, side, side, K + 4), np.float32)
  raw[..., :K] = -20
  raw[0, rows, columns, targets["classes"][0]] = 20 - np.arange(len(boxes))
  raw[0, rows, columns, K:] = np.log(np.expm1(distance / 16))
  return identity_head(raw)


def identity_head(raw):
  """The outputs of a detector whose last layer is the identity."""
  kernel = {"kernel": jnp.eye(K + 4), "bias": jnp.zeros(K + 4)}
  model = CenterNet(num_classes=K)
  return model.apply({"params": {"last": kernel}}, raw, method="head")


@pytest.mark.parametrize("seed", range(5))
def test_the_head_can_give_any_objects_exactly(seed):
  """Those of four pixels and more; they come back by falling score."""
  targets = random_objects(seed)
  found = detect(perfect_outputs(targets), max_per_class=20)
  kept = found["scores"] > 0.5
  assert kept.sum() == 6
  for k in range(K):
    own = targets["classes"][0] == k
    boxes = found["boxes"][kept & (found["classes"] == k)]
    expected = geometry.clip(targets["boxes"][0][own], SIDE, SIDE)
    np.testing.assert_allclose(boxes, expected, atol=1e-3)


def test_perfect_outputs_have_no_loss_and_an_average_precision_of_one():
  targets = random_objects(0)
  outputs = perfect_outputs(targets)
  np.testing.assert_allclose(
    detection.center_net(outputs, targets), 0, atol=1e-4
  )
  batch = {"x": jnp.zeros((1, SIDE, SIDE, 3)), "y": targets}
  batch["mask"] = jnp.ones(1)
  evaluator = evaluators.detection()
  measured = evaluator.measure(lambda x: outputs, batch, KEY)
  found = evaluator.summarize(metrics.result(measured))
  assert found["ap50"] == found["f1"] == 1
  assert found["detections"] == 6


def test_detections_are_local_maxima_by_class_with_zeros_behind_them():
  heatmap = jnp.full((1, 5, 5, 2), -3.0)
  heatmap = heatmap.at[0, 1, 1, 0].set(2.0).at[0, 1, 2, 0].set(1.0)
  heatmap = heatmap.at[0, 4, 4, 1].set(0.0)
  boxes = jnp.zeros((1, 5, 5, 4))
  found = detect({"heatmap": heatmap, "boxes": boxes}, max_per_class=25)
  scores, classes = found["scores"][0], found["classes"][0]
  assert classes.tolist() == [0] * 25 + [1] * 25
  np.testing.assert_allclose(scores[0], jax.nn.sigmoid(2.0))
  assert not np.isclose(scores, jax.nn.sigmoid(1.0)).any()  # beside a larger
  np.testing.assert_allclose(scores[25], 0.5)
  # Of the plateaus far from the maxima all cells, then zeros.
  assert (np.diff(scores[:25]) <= 0).all()
  assert scores[24] == 0 == scores[49]


def test_the_focal_loss_of_an_image_without_objects():
  z = 0.7
  logits = jnp.full((1, 2, 3, K), z)
  outputs = {"heatmap": logits, "boxes": jnp.zeros((1, 2, 3, 4))}
  none = {
    "boxes": jnp.zeros((1, 2, 4)),
    "classes": jnp.zeros((1, 2), int),
    "present": jnp.zeros((1, 2)),
  }
  p = 1 / (1 + np.exp(-z))
  expected = -2 * 3 * K * p**2 * np.log(1 - p)
  np.testing.assert_allclose(
    detection.classification(outputs, none), expected, rtol=1e-6
  )
  assert detection.localization(outputs, none) == 0


def test_the_focal_loss_of_an_object_by_hand():
  """A box of 60 pixels: 6 pixels, or 1.5 cells, are a standard deviation."""
  boxes = jnp.float32([[[-24.0, -24.0, 36.0, 36.0]]])  # centered in cell (1, 1)
  one = {
    "boxes": boxes,
    "classes": jnp.zeros((1, 1), int),
    "present": jnp.ones((1, 1)),
  }
  rng = np.random.default_rng(0)
  z = rng.normal(size=(1, 3, 3, 1)).astype(np.float32)
  outputs = {"heatmap": z, "boxes": jnp.zeros((1, 3, 3, 4))}
  i, j = np.mgrid[:3, :3]
  y = np.exp(-((i - 1) ** 2 + (j - 1) ** 2) / (2 * 1.5**2))
  p = 1 / (1 + np.exp(-z[0, ..., 0]))
  each = np.where(
    y == 1, (1 - p) ** 2 * np.log(p), (1 - y) ** 4 * p**2 * np.log(1 - p)
  )
  np.testing.assert_allclose(
    detection.classification(outputs, one), -each.sum(), rtol=1e-5
  )


@pytest.mark.parametrize(
  ("box", "expected"),
  [
    ((0, 0, 2, 2), 1.0),
    ((0, 0, 2, 4), 0.5),
    ((1, 1, 3, 3), 1 / 7 - 2 / 9),
    ((4, 0, 6, 2), 0 - 4 / 12),
    ((9998, 0, 10000, 2), -0.9996),
  ],
)
def test_the_generalized_iou_of_two_boxes(box, expected):
  here = jnp.float32([0, 0, 2, 2])
  for a, b in ((here, jnp.float32(box)), (jnp.float32(box), here)):
    np.testing.assert_allclose(cells.giou(a, b), expected, rtol=1e-6)


def test_boxes_apart_are_drawn_together_by_the_generalized_iou():
  here, there = jnp.float32([0, 0, 2, 2]), jnp.float32([5, 0, 7, 2])
  grad = jax.grad(cells.giou)(there, here)
  assert grad[0] < 0  # to the left


def exact_ap50(detections, targets):
  """AP at IoU 0.5 of one class by its definition, for the few of a test."""
  pairs, total = [], 0
  for i in range(len(targets["boxes"])):
    there = targets["boxes"][i][targets["present"][i] > 0]
    total += len(there)
    free = np.ones(len(there), bool)
    order = np.argsort(-detections["scores"][i], kind="stable")
    for j in order[detections["scores"][i][order] > 0]:
      iou = geometry.iou(detections["boxes"][i][j][None], there)[0] * free
      hit = bool(iou.size) and iou.max() >= 0.5
      if hit:
        free[iou.argmax()] = False
      pairs.append((detections["scores"][i][j], hit))
  hits = np.array([hit for _, hit in sorted(pairs, key=lambda p: -p[0])])
  precision = hits.cumsum() / np.arange(1, len(hits) + 1)
  recall = hits.cumsum() / total
  reach = [
    precision[recall >= r - 1e-9].max(initial=0) for r in np.linspace(0, 1, 101)
  ]
  return np.mean(reach)


def test_average_precision_from_histograms_is_that_of_its_definition():
  """Detections are objects moved by a few pixels, and some of nothing."""
  rng = np.random.default_rng(0)
  side, number = SIDE // 4, 40
  logits = np.full((number, side, side, 1), -20, np.float32)
  boxes = rng.uniform(0, 60, (number, side, side, 4)).astype(np.float32)
  targets = [random_objects(seed) for seed in range(number)]
  targets = jax.tree.map(lambda *rows: np.concatenate(rows), *targets)
  targets["classes"][:] = 0
  targets["present"] = np.float32(rng.random((number, 6)) < 0.7)
  for i in range(number):
    rows, columns = cells.of_boxes(targets["boxes"][i], side, side)
    logits[i, rows, columns] = rng.normal(size=(6, 1))
    boxes[i, rows, columns] = targets["boxes"][i] + rng.normal(size=(6, 4))
  outputs = {"heatmap": jnp.asarray(logits), "boxes": jnp.asarray(boxes)}
  batch = {"x": jnp.zeros((number, 2)), "y": targets, "mask": jnp.ones(number)}
  evaluator = evaluators.detection()
  measured = jax.jit(
    lambda batch: evaluator.measure(lambda x: outputs, batch, KEY)
  )
  found = evaluator.summarize(metrics.result(measured(batch)))
  expected = exact_ap50(jax.device_get(detect(outputs)), targets)
  assert 0.2 < expected < 0.9
  np.testing.assert_allclose(found["ap50"], expected, atol=0.01)


def test_images_must_have_sides_of_multiples_of_32():
  with pytest.raises(ValueError, match="40x64 pixels: expected multiples"):
    CenterNet(num_classes=2).init(KEY, jnp.zeros((1, 40, 64, 3)))
