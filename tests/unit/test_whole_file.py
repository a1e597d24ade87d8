"""A file is replaced at the end or not at all."""

import pytest

from robust_jax.whole_file import whole_file


def test_a_file_is_replaced_at_the_end_and_nothing_is_left_beside(tmp_path):
  path = tmp_path / "a.json"
  path.write_text("old")
  with whole_file(path) as new:
    new.write_text("new")
    assert path.read_text() == "old"
  assert path.read_text() == "new"
  assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file(tmp_path):
  path = tmp_path / "a.json"
  path.write_text("old")

  def fail_half_way():
    with whole_file(path) as new:
      new.write_text("half")
      raise OSError("disk full")

  with pytest.raises(OSError, match="disk full"):
    fail_half_way()
  assert path.read_text() == "old"
  assert list(tmp_path.iterdir()) == [path]
