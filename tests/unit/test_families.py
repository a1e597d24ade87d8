"""Families of transformations: what they do, and for which images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import lookup
from robust_jax.comparison.cases import build_cases
from robust_jax.comparison.data_kinds import Images
from robust_jax.comparison.families.pixel_shift import shifted
from robust_jax.comparison.transformation import (
  Family,
  Transformation,
  example_number,
)
from robust_jax.statistics.outcomes import INVARIANCE_TESTS

SHAPE = (9, 7, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), np.uint8)
NUMBERS = np.array([example_number(f"image {i}") for i in range(6)], np.uint32)


def _members(family):
  made = lookup.find("comparison.families", family)([SHAPE])
  return {t.name: t for t in made.transformations}


def _apply(transformation, images=IMAGES, numbers=NUMBERS, level=1):
  return Images().transform(
    transformation, images, numbers, level, 0, batch_size=8
  )


def test_every_family_is_found_and_names_differ():
  for shape in (SHAPE, (28, 28, 1)):
    cases, about, *_ = build_cases([shape])
    families = {f.replace(" ", "_") for f in about}
    missing = set(lookup.members("comparison.families")) - families
    # By name alone: one needs gradients, one may change what is seen.
    expected = {"adversarial", "flips"}
    # On 7 pixels, one is a seventh of what there is.
    expected |= set() if shape[0] == 28 else {"mnist_c", "pixel_shift"}
    assert missing == expected
    assert len({case.name for case in cases}) == len(cases)
    # Statistics refuse conditions that are given twice.
    keys = {(c.family, c.transformation, c.severity) for c, *_ in cases}
    assert len(keys) == len(cases)
    for case in cases:
      levels = list(case.transformation.levels)
      assert levels == sorted(set(levels))


@pytest.mark.parametrize(
  ("shapes", "asked"),
  [
    ([(20, 20, 1)], True),
    ([(19, 40, 1)], False),
    ([(40, 19, 1)], False),
    ([(224, 224, 3), (19, 19, 3)], False),
  ],
)
def test_a_pixel_must_not_matter_where_it_is_a_twentieth_at_most(shapes, asked):
  names = {
    (c.condition.family, c.condition.transformation)
    for c in build_cases(shapes).cases
  }
  assert ((INVARIANCE_TESTS, "one_pixel_shift") in names) == asked
  assert any(family == "pixel_shift" for family, _ in names) == asked
  named = build_cases(shapes, ["pixel_shift"]).cases
  assert sum(c.condition.family == "pixel_shift" for c in named) == 24


def test_invariance_tests_comes_always_and_first():
  cases = build_cases([SHAPE], ["pixel_shift"]).cases
  families = [case.condition.family for case in cases]
  assert families == [INVARIANCE_TESTS] * 4 + ["pixel_shift"] * 24


@pytest.mark.parametrize(
  ("families", "message"),
  [
    (["nose"], "did you mean 'noise'"),
    (["noise", "blur", "noise"], "expected distinct names"),
    (["noise", "my.families:noise"], "expected distinct names"),
    (["mnist_c"], "does not apply to these images"),
    (["invariance_tests"], "no families"),
  ],
)
def test_families_that_cannot_be_meant(families, message):
  with pytest.raises(ValueError, match=message):
    build_cases([SHAPE], families)


def test_a_family_of_ones_own(tmp_path, monkeypatch):
  code = """
from robust_jax.comparison.transformation import Family, Transformation

def negative(shapes):
  change = lambda images, level: 255 - images
  inverted = Transformation("inverted", change, (1,), ("all",), on_host=True)
  return Family("Inverted.", [inverted])
"""
  (tmp_path / "my_families.py").write_text(code)
  monkeypatch.syspath_prepend(tmp_path)
  found = build_cases([SHAPE], ["my_families:negative"])
  assert found.about["negative"] == "Inverted."
  case = found.cases[-1]
  assert case.name == "negative/inverted/1"
  np.testing.assert_array_equal(_apply(case.transformation), 255 - IMAGES)
  # Answers that were kept are those of this code.
  (tmp_path / "my_families.py").write_text(code + "# changed")
  assert build_cases([SHAPE], ["my_families:negative"]).version != found.version


def test_randomness_is_the_images_alone():
  rotated = _members("geometry")["rotated"]
  whole = _apply(rotated, level=3)
  order = np.array([4, 1])
  np.testing.assert_array_equal(
    _apply(rotated, IMAGES[order], NUMBERS[order], 3), whole[order]
  )
  # Sides are drawn: not all six to the same one.
  same = np.repeat(IMAGES[:1], 6, axis=0)
  assert len(np.unique(_apply(rotated, same, level=3), axis=0)) == 2


def test_geometry_of_a_symmetric_image():
  # A ramp to the right: scaling multiplies its slope, and what leans or moves
  # down only stays.
  ramp = np.broadcast_to(np.arange(21) * 8 + 40, (1, 21, 21))[..., None]
  ramp = ramp.astype(np.uint8)
  members = _members("geometry")
  middle = np.arange(8, 13)
  for name, factor in (("larger", 1.5), ("smaller", 0.6)):
    seen = _apply(members[name], ramp, NUMBERS[:1], 5)[0, 10, middle, 0]
    expected = 120 + (middle - 10) * 8 / factor
    # Truncated to whole gray levels.
    assert np.all(np.abs(seen - expected + 0.5) <= 0.5 + 1e-2)
  rows, columns = np.mgrid[-10:11, -10:11]
  disk = np.clip(255 - 12 * np.hypot(rows, columns), 0, 255)
  disk = disk[None, ..., None].astype(np.uint8)
  turned = _apply(members["rotated"], disk, NUMBERS[:1], 5)
  inside = np.hypot(rows, columns) < 9
  # Bilinear between pixels of a cone of slope 12, which is blunt at its tip.
  assert np.abs(turned.astype(int) - disk)[0, inside].max() <= 6
  np.testing.assert_array_equal(
    _apply(members["sheared"], disk, NUMBERS[:1], 5)[0, 10], disk[0, 10]
  )


def test_photometric_closed_forms():
  members = _members("photometric")
  x = IMAGES.astype(float)
  mean = x.mean(axis=(1, 2, 3), keepdims=True)
  for name, expected in (
    ("darker", 0.4 * x),
    ("brighter", np.minimum(2 * x, 255)),
    ("less_contrast", mean + 0.4 * (x - mean)),
    ("more_contrast", np.clip(mean + 2 * (x - mean), 0, 255)),
  ):
    # Truncated, as results of all corruptions are; a level of float32 that
    # comes out a little low counts as reached.
    seen = _apply(members[name], level=5)
    assert np.all(np.abs(seen - expected + 0.5) <= 0.5 + 1e-2), name


@pytest.mark.parametrize(("dx", "dy"), [(1, 0), (-2, 1), (0, -2)])
def test_whole_pixel_shifts(dx, dy):
  moved = shifted(IMAGES, 1, dx=dx, dy=dy)
  rolled = np.roll(IMAGES, (dy, dx), axis=(1, 2))
  inside = slice(2, -2)
  np.testing.assert_array_equal(
    moved[:, inside, inside], rolled[:, inside, inside]
  )
  edge = (
    moved[:, :, : max(dx, 0)] if dx > 0 else moved[:, :, moved.shape[2] + dx :]
  )
  source = shifted(IMAGES, 1, dx=0, dy=dy)[:, :, [0 if dx > 0 else -1]]
  np.testing.assert_array_equal(edge, np.repeat(source, abs(dx), axis=2))


def test_flips_are_mirror_images():
  members = {name: _apply(t) for name, t in _members("flips").items()}
  np.testing.assert_array_equal(members["horizontal"], IMAGES[:, :, ::-1])
  np.testing.assert_array_equal(members["vertical"], IMAGES[:, ::-1])
  np.testing.assert_array_equal(members["both"], IMAGES[:, ::-1, ::-1])


def test_what_must_not_matter_hardly_changes_an_image():
  members = _members("invariance_tests")
  np.testing.assert_array_equal(_apply(members["identity"]), IMAGES)
  flip = members["horizontal_flip"]
  np.testing.assert_array_equal(_apply(flip, _apply(flip)), IMAGES)
  assert not np.array_equal(_apply(flip), IMAGES)
  brighter = _apply(members["one_level_brighter"]).astype(int) - IMAGES
  np.testing.assert_array_equal(brighter, IMAGES < 255)
  rough = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1), np.uint8)
  stored = _apply(members["jpeg_95"], rough, NUMBERS[:2])
  # Each coefficient is off by half a step at most, the root of the mean
  # square of steps is 6.7, and the transform keeps squares; then rounding.
  assert 0 < np.sqrt(np.mean((stored.astype(float) - rough) ** 2)) <= 4


def test_an_adversary_reaches_the_optimum_of_a_linear_model():
  weights = jnp.linspace(-1, 1, np.prod(SHAPE))
  flat = lambda w, x: x.reshape(len(x), -1) @ jnp.stack([w, -w], 1)
  logits_fn = jax.tree_util.Partial(flat, weights)
  labels = np.array([0, 1] * 3)
  pgd = _members("adversarial")["linf_pgd"]
  changed = Images().transform(
    pgd, IMAGES, NUMBERS, 3, 0, 8, labels=labels, logits_fn=logits_fn
  )
  away = np.sign(np.asarray(weights)).reshape(SHAPE)
  away = away * np.where(labels == 0, -1, 1)[:, None, None, None]
  # The third level is 4 of 255.
  best = np.clip(IMAGES + 4 * away, 0, 255)
  np.testing.assert_array_equal(changed, best)
  alone = Images().transform(
    pgd,
    IMAGES[2:3],
    NUMBERS[2:3],
    3,
    0,
    8,
    labels=labels[2:3],
    logits_fn=logits_fn,
  )
  np.testing.assert_array_equal(alone, changed[2:3])


def test_a_change_that_is_none_of_images_is_refused():
  bad = Transformation("bad", lambda x, _: x / 2, (1,), ("",), on_host=True)
  with pytest.raises(ValueError, match="'bad' made float64"):
    _apply(bad)
  with pytest.raises(ValueError, match="one label for each"):
    Transformation("bad", None, (1, 2), ("one",))
  assert Family("about", ()).transformations == ()
