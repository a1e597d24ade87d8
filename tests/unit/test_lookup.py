import importlib

import pytest

from robust_jax import lookup, losses
from robust_jax.losses import detection
from robust_jax.models.classifiers.small_cnn import SmallCNN
from robust_jax.search import pgd


def test_a_member_is_found_by_its_name():
  assert lookup.find("search", "pgd") is pgd
  assert lookup.find("models", "small_cnn") is SmallCNN
  assert lookup.find("losses", "margin") is losses.margin


def test_a_member_of_a_package_within_is_found_behind_its_name():
  assert lookup.find("losses", "detection.vanish") is detection.vanish
  assert "vanish" not in lookup.members("losses")


def test_a_path_finds_anything_importable():
  assert lookup.find("attacks", "robust_jax.losses:kl") is losses.kl


@pytest.mark.parametrize(
  ("kind", "name", "message"),
  [
    ("search", "pdg", "no 'pdg' in robust_jax.search; did you mean 'pgd'"),
    ("losses", "margins", "did you mean 'margin'"),
    ("search", "robust_jax.losses:kll", "did you mean 'kl'"),
    ("search", "no_such_package.module:f", "no module named 'no_such_package"),
    ("nothing", "pgd", "no part named 'nothing'"),
    ("losses", "detection.vanished", "did you mean 'vanish'"),
    ("losses", "detector.vanish", "no package 'detector' in robust_jax.losses"),
    ("losses", "detection.", "there is no '' in robust_jax.losses.detection"),
  ],
)
def test_an_unknown_name_is_answered_with_the_nearest(kind, name, message):
  with pytest.raises(ValueError, match=message):
    lookup.find(kind, name)


def test_a_function_is_no_name():
  with pytest.raises(ValueError, match="expected a name, or"):
    lookup.find("search", pgd)


PACKAGES = [
  "adaptation",
  "attacks",
  "attacks.detection",
  "black_box",
  "corruptions",
  "corruptions.sequences",
  "augmentation",
  "augmentation.boxes",
  "augmentation.mixing",
  "data.handwriting",
  "defenses",
  "comparison.data_kinds",
  "comparison.families",
  "comparison.text_families",
  "comparison.extra_tests",
  "evaluators",
  "games",
  "gradients",
  "losses",
  "losses.detection",
  "models",
  "perturbations",
  "scores",
  "search",
  "tasks",
  "training.weight_averages",
  "training_losses",
]


@pytest.mark.parametrize("kind", PACKAGES)
def test_the_registry_is_all(kind):
  """Each name in `__all__` finds the very thing that has it."""
  home = importlib.import_module(f"robust_jax.{kind}")
  found = [lookup.find(kind, name) for name in lookup.members(kind)]
  assert {thing.__name__ for thing in found} == set(home.__all__)
  assert all(getattr(home, thing.__name__) is thing for thing in found)


def test_members_leave_out_helpers():
  assert {"fgsm", "pgd"} <= set(lookup.members("search"))
  assert "ascent" not in lookup.members("search")
  assert "cross_entropy" in lookup.members("losses")
  assert "jax" not in lookup.members("losses")
