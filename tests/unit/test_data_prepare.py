"""Preparing: once, wholly, and with a clear word where it cannot be."""

import importlib.util

import pytest

from robust_jax.data.prepare import prepare


def test_prepared_twice_the_second_time_says_so(tmp_path, capsys):
  prepare("digits", str(tmp_path))
  place = str(tmp_path / "digits" / "1.1.0")
  said = capsys.readouterr()
  assert said.out == f"Preparing digits in {place} ...\n"
  assert said.err == ""
  prepare("digits", str(tmp_path))
  assert capsys.readouterr().out == f"digits is already prepared in {place}.\n"


@pytest.mark.skipif(
  importlib.util.find_spec("tensorflow") is not None,
  reason="tensorflow is installed here",
)
def test_without_tensorflow_a_stock_data_set_names_the_command(tmp_path):
  with pytest.raises(ValueError, match=r"`./launch\.sh data cifar10`: it inst"):
    prepare("cifar10", str(tmp_path))
  assert list(tmp_path.iterdir()) == []


def test_an_unknown_name_is_answered_with_near_ones(tmp_path):
  with pytest.raises(ValueError, match="did you mean 'fashion_mnist'"):
    prepare("fashon_mnist", str(tmp_path))


def test_half_a_data_set_is_not_taken_for_a_whole_one(tmp_path):
  place = tmp_path / "digits" / "1.1.0"
  place.mkdir(parents=True)
  with pytest.raises(ValueError, match="exists but is incomplete: remove it"):
    prepare("digits", str(tmp_path))


def test_where_nothing_can_be_written_one_error_says_so(tmp_path):
  file = tmp_path / "a_file"
  file.write_text("")
  with pytest.raises(ValueError, match="TFDS_DATA_DIR names another") as info:
    prepare("digits", str(file / "below"))
  assert str(file) in str(info.value)
