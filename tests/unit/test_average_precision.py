"""Average precision: pycocotools' numbers, weights as copies, intervals."""

import dataclasses
import json

import numpy as np
import pytest

from robust_jax.boxes import Detections
from robust_jax.statistics.detection.average_precision import (
  average_precision,
  draw_precision,
)
from robust_jax.statistics.detection.match import SIZES, match
from robust_jax.statistics.detection.ranking import measures, rank
from tests.unit.detection_scenes import (
  NUM_CLASSES,
  pycocotools,
  scene,
  scenes,
)


def _ranking(images):
  return rank([match(*pair) for pair in images], NUM_CLASSES)


def _percent(values):
  """Means over the first axes of all but -1, as pycocotools takes them."""
  values = np.where(values > -1, values, np.nan)
  flat = values.reshape(-1, values.shape[-1]).T
  return np.array(
    [100 * np.mean(v[~np.isnan(v)]) if (v > -1).any() else np.nan for v in flat]
  )


@pytest.mark.parametrize(
  "options", [{}, {"ties": False}, {"crowds": 0.5}, {"missed": 1}]
)
def test_average_precision_is_that_of_pycocotools(options):
  images = scenes(7, **options)
  evaluation = pycocotools(images)
  ranking = _ranking(images)
  # Thresholds, recalls, classes, sizes; and without recalls.
  precision = evaluation.eval["precision"][..., -1]
  recall = evaluation.eval["recall"][..., -1]
  assert len(ranking.image) < sum(len(d.scores) for _, d in images)
  for index, size in enumerate(SIZES):
    p, r = precision[..., index], recall[..., index]
    by_class = np.stack([_percent(part) for part in (p, p[0], p[5], r)], 1)
    mean = np.array(
      [_percent(part.reshape(-1, 1))[0] for part in (p, p[0], p[5], r)]
    )
    found = measures(ranking, size=size)[0]
    np.testing.assert_allclose(found, [mean, *by_class], atol=1e-6)
    assert np.isnan(found[-1]).all()
  summary = [measures(ranking, size=size)[0, 0, 0] for size in SIZES]
  expected = 100 * evaluation.stats[[0, 3, 4, 5]]
  np.testing.assert_allclose(summary, expected, atol=1e-6)


def test_counts_are_copies_of_images():
  images = [match(*pair) for pair in scenes(1, ties=False)]
  counts = np.random.default_rng(0).integers(4, size=(2, len(images)))
  copies = [
    rank([images[i] for i in np.repeat(np.arange(len(images)), row)], 5)
    for row in counts
  ]
  for size in SIZES:
    found = measures(rank(images, NUM_CLASSES), counts, size)
    for draw, copied in zip(found, copies, strict=True):
      expected = measures(copied, size=size)[0]
      np.testing.assert_allclose(draw, expected, atol=1e-9)


def test_the_order_of_images_and_the_scale_of_scores_do_not_matter():
  images = scenes(2, ties=False)
  expected = measures(_ranking(images))
  order = np.random.default_rng(0).permutation(len(images))
  shuffled = [images[i] for i in order]
  np.testing.assert_allclose(measures(_ranking(shuffled)), expected)
  scaled = [
    (truth, Detections(d.boxes, 5 * d.scores - 1, d.classes))
    for truth, d in images
  ]
  np.testing.assert_allclose(measures(_ranking(scaled)), expected)


def test_false_detections_where_nothing_is_cost_precision():
  truth, found = scene(3, num_objects=8, num_false=0, crowds=0, ties=False)
  nothing, wrong = scene(4, num_objects=0, num_false=40)
  wrong = wrong._replace(scores=wrong.scores + 1)
  alone = measures(_ranking([(truth, found)]))[0, 0]
  beside = measures(_ranking([(truth, found), (nothing, wrong)]))[0, 0]
  assert (beside[:3] < alone[:3]).all()
  assert beside[3] == alone[3]


@pytest.fixture(scope="module")
def report():
  return average_precision(_ranking(scenes(5)), draws=60)


def test_a_report_has_the_measures_and_their_intervals(report):
  ranking = _ranking(scenes(5))
  expected = measures(ranking)[0]
  for row, values in zip(
    [report.overall, *report.classes], expected, strict=True
  ):
    for name, value in zip(("ap", "ap50", "ap75", "ar"), values, strict=True):
      found = getattr(row, name)
      if np.isnan(value):
        assert (row.objects, found) == (0, None)
      else:
        assert found.value == pytest.approx(value)
        assert found.low <= value <= found.high
        assert found.low < found.high
  assert report.overall.objects == sum(c.objects for c in report.classes)
  assert report.sizes["small"].ap.value == pytest.approx(
    measures(ranking, size="small")[0, 0, 0]
  )


def test_a_report_is_json(report):
  plain = dataclasses.asdict(report)
  assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_a_detector_that_finds_everything_has_an_exact_interval():
  truth, _ = scene(6, num_objects=9, num_false=0, crowds=0)
  found = Detections(truth.boxes, np.ones(9), truth.classes)
  row = average_precision(_ranking([(truth, found)] * 12), draws=20).overall
  assert (row.ap.value, row.ap.high) == (100, 100)
  assert row.ap.low == pytest.approx(100 * 0.025 ** (1 / 12))


def test_draws_are_of_the_means_over_classes():
  ranking = _ranking(scenes(5))
  found = draw_precision(ranking, draws=5)
  np.testing.assert_array_equal(found.value, measures(ranking)[0, 0])
  assert found.drawn.shape == (5, 4)
  assert found.without_one.shape == (20, 4)


@pytest.mark.parametrize(
  ("call", "message"),
  [
    (lambda: rank([], 3), "no images"),
    (lambda: rank([match(*p) for p in scenes()], 2), "classes .* 0 to 4: exp"),
    (lambda: measures(_ranking(scenes()), size="tiny"), "size = 'tiny'"),
  ],
)
def test_what_cannot_be_ranked_is_refused(call, message):
  with pytest.raises(ValueError, match=message):
    call()
