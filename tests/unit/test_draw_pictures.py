"""Pictures that are drawn during training, and their animation."""

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest
from ml_collections import ConfigDict

from experiments import draw_pictures
from experiments.pictures import generated_samples, other_labels
from robust_jax.data.load import load
from robust_jax.models.inference import Autoencoder, Generator
from robust_jax.plotting.animation import save_animation
from robust_jax.plotting.image_grid import save_image_grid
from robust_jax.training.loop import train
from tests.unit.test_loop import KEY, config, loader, restored, task

SECTION = ConfigDict({"pictures": {"name": "generated_samples"}})


def brightness(state):
  """A generator of images of one gray value, that grows with the parameter."""
  level = jnp.asarray(state.params["sum"]) / 200
  shade = lambda level, z: jnp.full((len(z), 2, 2, 1), level)
  return Generator(jax.tree_util.Partial(shade, level), 3)


DRAWN = task()._replace(deployed=brightness)


def trained(path, observe, num_steps=20):
  path.mkdir(exist_ok=True)
  course = config(num_steps=num_steps)
  return train(
    DRAWN, loader(None), loader(1), course, KEY, path, observe=observe
  )


def test_a_picture_precedes_its_checkpoint_and_shows_its_state(tmp_path):
  path, seen = tmp_path / "run", []
  draw = draw_pictures.observer(SECTION, DRAWN, path)

  def observe(state):
    step = int(state.step)
    assert not (path / "checkpoints" / str(step)).exists()
    draw(state)
    seen.append(step)

  trained(path, observe)
  assert seen == [0, 5, 10, 15, 20]
  for step in seen:
    with PIL.Image.open(path / f"pictures/walk/{step:08d}.png") as picture:
      level = np.asarray(picture)[0, 0, 0] / 255
    assert level == pytest.approx(sum(range(step)) / 200, abs=0.002)
  draw_pictures.animate(path)
  with PIL.Image.open(path / "samples.webp") as animation:
    assert animation.n_frames == 5
    animation.seek(2)
    assert np.asarray(animation)[0, 0, 0] == round(255 * 45 / 200)


def test_a_run_that_is_observed_has_the_state_of_one_that_is_not(tmp_path):
  draw = draw_pictures.observer(SECTION, DRAWN, tmp_path / "seen")
  trained(tmp_path / "seen", draw)
  trained(tmp_path / "unseen", None)
  states = [restored(tmp_path / name) for name in ("seen", "unseen")]
  jax.tree.map(np.testing.assert_array_equal, *states)
  assert draw_pictures.observer(ConfigDict(), DRAWN, tmp_path) is None


def test_a_resumed_run_draws_what_is_missing(tmp_path):
  """Pictures after the last checkpoint are drawn again, and are the same."""
  folder = tmp_path / "pictures" / "samples"
  draw = draw_pictures.observer(SECTION, DRAWN, tmp_path)

  def killed(state):
    draw(state)
    if state.step == 10:
      raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    trained(tmp_path, killed)
  first = {file.name: file.read_bytes() for file in folder.iterdir()}
  assert len(first) == 3
  trained(tmp_path, draw)
  last = {file.name: file.read_bytes() for file in folder.iterdir()}
  assert len(last) == 5
  assert first.items() <= last.items()


def test_held_out_images_are_decoded_as_every_class():
  """The first of a row is the original."""

  def decode(codes, labels):
    return jnp.clip(
      codes.reshape(-1, 8, 8, 1) * 0
      + labels.argmax(1)[:, None, None, None] / 10,
      0,
      1,
    )

  autoencoder = Autoencoder(
    jax.tree_util.Partial(lambda x: x.reshape(len(x), -1)),
    jax.tree_util.Partial(decode),
  )
  section = {"kind": "dataset", "name": "digits", "validation": "train[:9]"}
  draw = other_labels(ConfigDict({"data": section}), 4)["other_labels"]
  images, columns = draw(autoencoder)
  rows = images.reshape(4, columns, 8, 8, 1)
  x = load("digits", "train[:9]").read(np.arange(4))["x"]
  np.testing.assert_allclose(rows[:, 0], x / 255, atol=1e-6)
  np.testing.assert_allclose(
    rows[:, 1:, 0, 0, 0], np.tile(np.arange(10) / 10, (4, 1)), atol=1e-6
  )


def test_what_cannot_be_drawn_is_refused(tmp_path):
  with pytest.raises(ValueError, match="no option 'number'"):
    draw_pictures.observer(
      ConfigDict({"pictures": {"name": "generated_samples", "number": 3}}),
      DRAWN,
      tmp_path,
    )
  with pytest.raises(ValueError, match="generated_samples: expected a run tha"):
    generated_samples()["samples"](lambda x: x)
  with pytest.raises(ValueError, match="0 pictures of the sizes"):
    save_animation(tmp_path / "none.webp", [])


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_an_animation_repeats_and_rests_at_its_end(suffix, tmp_path):
  frames = [tmp_path / f"{i}.png" for i in range(3)]
  for i, frame in enumerate(frames):
    save_image_grid(frame, np.full((1, 4, 4, 1), i / 2, np.float32))
  path = tmp_path / f"moving{suffix}"
  save_animation(path, frames, milliseconds=100)
  with PIL.Image.open(path) as animation:
    assert animation.n_frames == 3
    assert animation.info["loop"] == 0
    for i, duration in enumerate([100, 100, 500]):
      animation.seek(i)
      animation.load()
      assert animation.info["duration"] == duration
      assert np.asarray(animation.convert("L"))[0, 0] == round(255 * i / 2)
