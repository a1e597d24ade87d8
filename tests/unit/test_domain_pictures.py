"""Pictures of domain adaptation: what they are made of, and that they are."""

import itertools

import matplotlib.image
import numpy as np
import pytest

from robust_jax.plotting.domain_curves import Curve, draw_domain_curves, points
from robust_jax.plotting.feature_map import draw_feature_maps, feature_map
from robust_jax.plotting.style import line_style


def two_clusters(n=12, dims=5, apart=50.0):
  rng = np.random.default_rng(0)
  source, target = rng.normal(size=(2, n, dims))
  return source, target + apart


@pytest.fixture(scope="module")
def clusters():
  return feature_map(*two_clusters(), perplexity=5)


def test_neighbors_stay_neighbors(clusters):
  places = np.concatenate(clusters)
  distances = np.linalg.norm(places[:, None] - places[None], axis=-1)
  np.fill_diagonal(distances, np.inf)
  nearest = distances.argmin(1)
  np.testing.assert_array_equal(nearest < 12, np.arange(24) < 12)


def test_a_map_is_centered_of_unit_size_and_a_function_of_its_seed(clusters):
  places = np.concatenate(clusters)
  # Of float32 coordinates.
  np.testing.assert_allclose(places.mean(0), 0, atol=1e-5)
  np.testing.assert_allclose(places.std(0), 1, rtol=1e-5)
  again = feature_map(*two_clusters(), perplexity=5)
  np.testing.assert_array_equal(np.concatenate(again), places)


@pytest.mark.parametrize(
  ("features", "message"),
  [
    ((np.zeros((9, 2)), np.zeros((9, 3))), r"expected \[N, D\]"),
    ((np.zeros(9), np.zeros(9)), r"expected \[N, D\]"),
    ((np.zeros((9, 2)), np.full((9, 2), np.nan)), "finite"),
    ((np.zeros((9, 2)), np.zeros((9, 2))), "perplexity 30"),
  ],
)
def test_a_map_refuses(features, message):
  with pytest.raises(ValueError, match=message):
    feature_map(*features)


def test_maps_of_layers_of_different_width_are_drawn(tmp_path):
  path = tmp_path / "map.png"
  layers = {"before": two_clusters(), "after": two_clusters(dims=3, apart=0)}
  labels = np.arange(12) % 3, np.arange(12) % 11
  # Of 12 examples 8 are drawn; more than ten classes have two-digit markers.
  draw_feature_maps(
    path,
    layers,
    labels,
    perplexity=3,
    max_examples=8,
    classes=list("abcdefghijk"),
  )
  height, width, _ = matplotlib.image.imread(path).shape
  assert height > 500
  assert width > 500


RECORDS = [
  {"split": "train", "step": 1, "epoch": 0.1, "loss": 2.0, "domain_loss": 0.7},
  {"split": "validation", "step": 1, "epoch": 0.1, "loss": 3.0},
  {"split": "train", "step": 2, "epoch": 0.2, "loss": 1.0},
]


def test_points_are_of_one_split_and_of_records_that_have_the_metric():
  assert points(RECORDS, "train", "loss") == ([1, 2], [2.0, 1.0])
  assert points(RECORDS, "train", "domain_loss") == ([1], [0.7])
  assert points(RECORDS, "test", "loss") == ([], [])


def test_curves_of_runs_with_different_metrics_are_drawn(tmp_path):
  path = tmp_path / "curves.png"
  source_only = [{k: r[k] for k in r if k != "domain_loss"} for r in RECORDS]
  curves = [
    Curve("train", "loss", "source class loss"),
    Curve("train", "domain_loss", "domain loss", guess=np.log(2)),
    Curve("validation", "loss", "fraction", is_fraction=True),
  ]
  draw_domain_curves(
    path, {"source only": source_only, "DANN": RECORDS}, curves
  )
  height, width, _ = matplotlib.image.imread(path).shape
  assert height > 500
  assert width > 1000


def test_a_metric_that_no_run_has_is_refused_by_name(tmp_path):
  curves = [Curve("train", "accuracy", "accuracy")]
  with pytest.raises(ValueError, match=r"'accuracy' .*train/domain_loss"):
    draw_domain_curves(tmp_path / "curves.png", {"DANN": RECORDS}, curves)
  assert not list(tmp_path.iterdir())


def test_lines_differ_in_more_than_color_from_their_neighbors():
  styles = [line_style(i) for i in range(13)]
  dashes = [style["linestyle"] for style in styles]
  assert all(a != b for a, b in itertools.pairwise(dashes))
  assert len({tuple(style.items()) for style in styles[:12]}) == 12
  assert styles[12] == styles[0]
  marked = {tuple(line_style(i, marker=True).items()) for i in range(60)}
  assert len(marked) == 60
