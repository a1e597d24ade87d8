"""`sample` draws what a run's generator generates."""

import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest
from scipy.stats import truncnorm

from experiments.configs.gan import gaussian_ring, mnist_dcgan
from experiments.load_run import load_run
from experiments.sample import draw_samples, labeled_samples, sample
from experiments.train import train
from robust_jax.data.readers.load_npz import load_npz
from robust_jax.models.inference import Generator
from tests.unit.command_line import command_line


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  path = tmp_path_factory.mktemp("sampled") / "run"
  config = mnist_dcgan.get_config("smoke")
  del config.report, config.independent_classifier, config.pictures
  del config.training.warn_below  # of classes, which there are none of now
  train(config, path)
  return path


def test_the_picture_has_the_samples_in_reading_order(run, tmp_path):
  """The last row is filled up with white."""
  out = tmp_path / "new" / "grid.png"
  status = command_line(
    "sample", f"--workdir={run}", "--num_examples=7", f"--out={out}"
  )
  assert status == 0
  images = sample(load_run(run), tmp_path / "again.png", 7)
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
  with pytest.raises(ValueError, match=r"grid.txt: expected a picture, named"):
    sample(opened, tmp_path / "grid.txt", 3)
  with pytest.raises(ValueError, match="--walk is for pictures"):
    sample(opened, tmp_path / "walk.npz", 3, walk=True)
  train(gaussian_ring.get_config("smoke"), tmp_path / "ring")
  with pytest.raises(ValueError, match=r"arrays of shape \(2,\): expected ima"):
    sample(load_run(tmp_path / "ring", "last"), tmp_path / "grid.png", 3)


def test_arrays_are_training_data_without_labels(run, tmp_path):
  out = tmp_path / "new" / "samples.npz"
  flags = (f"--workdir={run}", "--num_examples=70", f"--out={out}")
  assert command_line("sample", *flags) == 0
  arrays = load_npz(out)
  assert list(arrays) == ["images"]
  drawn = sample(load_run(run), tmp_path / "grid.png", 70)
  np.testing.assert_array_equal(arrays["images"], np.rint(255 * drawn))
  assert arrays["images"].dtype == np.uint8


def gray(z, labels):
  """Images of two pixels: the first entry of the latent, and the class."""
  number = labels @ jnp.arange(labels.shape[1], dtype=jnp.float32)
  return jnp.stack([z[:, 0], number], axis=1)[:, None, :, None]


CONDITIONAL = Generator(jax.tree_util.Partial(gray), 3, 4)


def rows_of(samples):
  """`[R, N, 2]`: the pixels of the samples of each row."""
  return samples.images.reshape(-1, samples.columns, 2)


def test_classes_of_training_data_take_turns_with_latents_of_their_own():
  apply = jax.tree_util.Partial(lambda *args: jax.nn.sigmoid(gray(*args)))
  arrays = labeled_samples(Generator(apply, 3, 4), 9, classes=[1, 0])
  assert arrays["labels"].tolist() == [1, 0, 1, 0, 1, 0, 1, 0, 1]
  drawn, number = np.moveaxis(arrays["images"][:, 0, :, 0], 1, 0)
  # Class 0 is drawn as sigmoid(0), class 1 as sigmoid(1).
  np.testing.assert_array_equal(number, [186, 128] * 4 + [186])
  known = draw_samples(CONDITIONAL, 9, classes=[1]).images[:, 0, 0, 0]
  np.testing.assert_array_equal(drawn, np.rint(255 * jax.nn.sigmoid(known)))


def test_each_class_has_a_row_of_the_same_latents():
  rows = rows_of(draw_samples(CONDITIONAL, 10))
  assert rows.shape == (4, 3, 2)  # 10 samples of 4 classes: 3 of each
  np.testing.assert_array_equal(rows[..., 0], np.tile(rows[:1, :, 0], (4, 1)))
  np.testing.assert_array_equal(rows[..., 1], np.tile(range(4), (3, 1)).T)
  chosen = rows_of(draw_samples(CONDITIONAL, 6, classes=[2, 0]))
  np.testing.assert_array_equal(chosen, rows[[2, 0]])
  (images, columns) = draw_samples(CONDITIONAL, 5, classes=[3])
  assert columns is None
  assert (images[:, 0, 1, 0] == 3).all()


def test_truncated_latents_are_drawn_again_not_scaled_or_clipped():
  z = np.asarray(CONDITIONAL.latents(jax.random.key(0), 4000, 0.5))
  assert np.abs(z).max() <= 0.5
  assert len(np.unique(z)) > 0.9 * z.size
  assert z.std() == pytest.approx(truncnorm.std(-0.5, 0.5), rel=0.02)
  seen = draw_samples(CONDITIONAL, 80, truncation=0.5).images[..., 0, 0]
  assert np.abs(seen).max() <= 0.5


def test_a_walk_goes_from_latent_to_latent_and_stays_normal():
  """A quarter of a circle, which each row of one class goes on with."""
  start, end = np.asarray(CONDITIONAL.latents(jax.random.key(0), 2))[:, 0]
  rows = rows_of(draw_samples(CONDITIONAL, 40, walk=True))
  angle = np.pi / 2 * np.arange(10) / 10
  path = np.cos(angle) * start + np.sin(angle) * end
  np.testing.assert_allclose(rows[..., 0], np.tile(path, (4, 1)), atol=1e-6)
  rows = rows_of(draw_samples(CONDITIONAL, 900, classes=[1], walk=True))
  steps = np.abs(np.diff(rows[..., 0].ravel()))
  assert steps.max() < 0.3
  # The length of z along a walk varies, its mean square is that of a normal.
  assert np.square(rows[..., 0]).mean() == pytest.approx(1, abs=0.4)


def test_classes_that_there_are_not_are_refused(run, tmp_path, capsys):
  with pytest.raises(ValueError, match="class 4: expected one of 0 to 3"):
    draw_samples(CONDITIONAL, 3, classes=[4])
  out = ["sample", f"--workdir={run}", f"--out={tmp_path / 'grid.png'}"]
  assert command_line(*out, "--classes=0..4") == 2
  assert "a generator that takes no labels" in capsys.readouterr().err
  assert command_line(*out, "--classes=4..0") == 2
  assert "'4..0': expected numbers" in capsys.readouterr().err
