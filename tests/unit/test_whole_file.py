"""A file is replaced at the end or not at all."""

import pytest

from robust_jax.files import atomic_write, naming


def test_a_file_is_replaced_at_the_end_and_nothing_is_left_beside(tmp_path):
  path = tmp_path / "a.json"
  path.write_text("old")
  with atomic_write(path) as new:
    new.write_text("new")
    assert path.read_text() == "old"
  assert path.read_text() == "new"
  assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file(tmp_path):
  path = tmp_path / "a.json"
  path.write_text("old")

  def fail_half_way():
    with atomic_write(path) as new:
      new.write_text("half")
      raise OSError("disk full")

  with pytest.raises(OSError, match="disk full"):
    fail_half_way()
  assert path.read_text() == "old"
  assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path):
  path = tmp_path / "a.json"

  def write():
    with atomic_write(path), open("/dev/full", "w") as full:
      full.write("x" * 10**6)  # an error without a name

  with pytest.raises(OSError, match="No space left") as caught:
    write()
  assert caught.value.filename == str(path)


def test_a_name_that_an_error_has_is_kept(tmp_path):
  error = FileNotFoundError(2, "No such file", "other")
  with pytest.raises(FileNotFoundError) as caught, naming(tmp_path):
    raise error
  assert caught.value is error
