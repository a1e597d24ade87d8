"""`sample` draws what a run's generator generates."""

import matplotlib.image
import numpy as np
import pytest

from experiments.configs.gan import gaussian_ring, mnist_dcgan
from experiments.load_run import load_run
from experiments.sample import sample
from experiments.train import train
from tests.unit.command_line import command_line


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  path = tmp_path_factory.mktemp("sampled") / "run"
  train(mnist_dcgan.get_config("smoke"), path)
  return path


def test_the_picture_has_the_samples_in_reading_order(run, tmp_path):
  """The last row is filled up with white."""
  out = tmp_path / "new" / "grid.png"
  status = command_line(
    "sample", f"--workdir={run}", "--num_examples=7", f"--out={out}"
  )
  assert status == 0
  images = sample(load_run(run, "last"), tmp_path / "again.png", 7)
  assert images.shape == (7, 8, 8, 1)
  drawn = matplotlib.image.imread(out)[..., 0]
  assert drawn.shape == (28, 28)  # three times 8 pixels, two gaps of 2
  for i, image in enumerate(images):
    top, left = 10 * (i // 3), 10 * (i % 3)
    np.testing.assert_allclose(
      drawn[top : top + 8, left : left + 8], image[..., 0], atol=0.51 / 255
    )
  assert (drawn[20:, 10:] == 1).all()


def test_more_samples_begin_with_the_same_ones(run, tmp_path):
  opened = load_run(run, "last")
  few = sample(opened, tmp_path / "few.png", 3)
  many = sample(opened, tmp_path / "many.png", 300)
  np.testing.assert_array_equal(many[:3], few)
  assert len(np.unique(many, axis=0)) == 300
  other = sample(opened, tmp_path / "other.png", 3, seed=1)
  assert not np.array_equal(other, few)


def test_what_cannot_be_drawn_is_refused(run, tmp_path, capsys):
  assert command_line("sample", f"--workdir={run}") == 2
  assert "sample needs --out, as in --out=grid.png." in capsys.readouterr().err
  opened = load_run(run, "last")
  with pytest.raises(ValueError, match=r"grid.npz: expected a picture, named"):
    sample(opened, tmp_path / "grid.npz", 3)
  train(gaussian_ring.get_config("smoke"), tmp_path / "ring")
  with pytest.raises(ValueError, match=r"arrays of shape \(2,\): expected ima"):
    sample(load_run(tmp_path / "ring", "last"), tmp_path / "grid.png", 3)
