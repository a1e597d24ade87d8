"""The transfer matrix, against counts made by hand."""

import numpy as np
import pytest

from robust_jax.evaluators.transfer import transfer
from robust_jax.plotting.heat_map import draw_heat_map

X = np.zeros((4, 1), np.float32)
Y = np.array([0, 0, 1, 1])


def answers(clean, attacked):
  """A victim that answers `clean` on X and `attacked` on anything else."""
  return lambda images: np.array(clean if not images.any() else attacked)


A = answers([0, 0, 1, 0], [1, 1, 1, 0])  # wrong on image 3 from the start
B = answers([0, 1, 1, 1], [0, 1, 0, 1])  # wrong on image 1
CRAFTED = {"a": X + 1}


def test_counts_by_hand():
  result = transfer(CRAFTED, {"a": A}, {"a": A, "b": B}, X, Y)
  assert result.rows == ("a",)
  assert result.columns == ("a", "b")
  # a answers images 0, 1, 3 wrong; b 1 and 2.
  np.testing.assert_array_equal(result.of_all, [[0.75, 0.5]])
  # Both right: a and a on 0, 1, 2; a and b on 0 and 2.
  np.testing.assert_array_equal(result.num_both_correct, [[3, 2]])
  np.testing.assert_array_equal(result.of_both_correct, [[2 / 3, 1 / 2]])
  np.testing.assert_array_equal(result.clean, [0.75, 0.75])


def test_images_that_change_nothing_fool_no_one_who_was_right():
  result = transfer({"a": X}, {"a": A}, {"a": A, "b": B}, X, Y)
  np.testing.assert_array_equal(result.of_both_correct, [[0, 0]])
  np.testing.assert_array_equal(result.of_all, 1 - result.clean[None])


def test_scores_are_answers_too():
  scores = lambda images: np.eye(2)[A(images)]
  one = transfer(CRAFTED, {"a": A}, {"a": A}, X, Y)
  other = transfer(CRAFTED, {"a": scores}, {"a": scores}, X, Y)
  np.testing.assert_array_equal(one.of_all, other.of_all)


def test_where_no_image_counts_there_is_no_fraction():
  never = answers([1, 1, 0, 0], [1, 1, 0, 0])
  result = transfer(CRAFTED, {"a": A}, {"never": never}, X, Y)
  assert np.isnan(result.of_both_correct).all()


def test_bad_input():
  with pytest.raises(ValueError, match="for the same names"):
    transfer(CRAFTED, {"b": A}, {"a": A}, X, Y)
  with pytest.raises(ValueError, match=r"of 'a' have shape \(3, 1\)"):
    transfer({"a": X[:3]}, {"a": A}, {"a": A}, X, Y)


def test_the_picture_is_written(tmp_path):
  fractions = np.array([[0.0, 1.0, 0.5]])
  path = tmp_path / "matrix.png"
  draw_heat_map(
    path, "title", ("rows", "columns"), ["r"], list("abc"), fractions
  )
  assert path.read_bytes().startswith(b"\x89PNG")
