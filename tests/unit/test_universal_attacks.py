"""Learned changes misclassify more images than those that cost nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.cli.parse_flags import parse_options
from experiments.cli.run_flags import named_sources
from experiments.studies import universal_attacks
from robust_jax.data.load import load

EPS = 0.3


def test_learned_changes_beat_random_ones_and_stay_in_their_sets():
  source = load("digits", "test")
  batch = source.read(np.arange(len(source)))
  x, labels = jnp.float32(batch["x"]) / 255, jnp.asarray(batch["y"])
  means = jnp.stack([x[labels == k].mean(axis=0) for k in range(10)])
  nearest_mean = jax.tree_util.Partial(
    lambda means, x: -jnp.square(x[:, None] - means).sum((2, 3, 4)), means
  )
  given = [f"--eps={EPS}", "--diameter=0.6", "--target=8"]
  options = parse_options(universal_attacks._flags(), given, "")
  found = universal_attacks.attacked(nearest_mean, x, labels, x, options)

  def accuracy(name):
    return (found.predictions[name] == labels).mean()

  assert accuracy("universal") < accuracy("random corner") - 0.2
  assert accuracy("patch") < accuracy("patch of noise") - 0.1
  fractions = universal_attacks._fractions(found.predictions, labels, 8)
  gain = fractions["aimed patch, predicted 8"]
  assert gain > fractions["patch of noise, predicted 8"] + 0.2
  for name, images in found.images.items():
    assert images.min() >= 0
    assert images.max() <= 1
    if name in ("random corner", "universal"):
      assert jnp.abs(images - x).max() <= EPS + 1e-6  # one rounding
    elif "patch" in name:  # a disc of 28 % of the image, and edges
      assert (images != x).any(-1).mean((1, 2)).max() <= 0.4


@pytest.mark.parametrize(
  ("values", "said"),
  [
    ([], "there are no models: give some, as in --models A=runs/a B=runs/b"),
    (["A"], "model 'A': expected NAME=SOURCE"),
    (["A="], "model 'A=': expected"),
    (["=runs/a"], "model '=runs/a': expected"),
    (["A=a", "A=b"], "two models are called 'A': expected different names"),
  ],
)
def test_runs_without_a_name_of_their_own_are_refused(values, said):
  with pytest.raises(ValueError, match=said):
    named_sources(values)
