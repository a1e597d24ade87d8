"""Light and color, against other ways to say the same."""

import colorsys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, losses, search
from robust_jax.perturbations import photometric

apply = jax.jit(photometric().apply)


def images(channels=3, low=0.3, high=0.7):
  shape = (4, 5, 6, channels)
  return jax.random.uniform(jax.random.key(0), shape, minval=low, maxval=high)


def change(**amounts):
  names = ("brightness", "contrast", "saturation", "hue")
  row = [amounts.get(name, 0.0) for name in names]
  return jnp.array([row] * 4, jnp.float32)


def luma(x):
  return x @ np.array([0.299, 0.587, 0.114], np.float32)


def test_brightness_adds():
  x = images()
  brighter = apply(x, change(brightness=0.2))
  np.testing.assert_allclose(brighter, x + 0.2, atol=1e-6)


def test_contrast_of_minus_one_is_one_gray():
  # What is left is the mean luma of the image.
  x = images()
  flat = apply(x, change(contrast=-1.0))
  mean = luma(x).mean((1, 2))[:, None, None, None]
  np.testing.assert_allclose(flat, mean + 0 * x, atol=1e-6)


def test_saturation_of_minus_one_is_the_gray_image():
  x = images()
  gray = apply(x, change(saturation=-1.0))
  np.testing.assert_allclose(gray, luma(x)[..., None] + 0 * x, atol=1e-6)


def test_hue_and_saturation_keep_the_luma():
  x = images()
  turned = apply(x, change(saturation=0.1, hue=40.0))
  assert jnp.abs(turned - x).max() > 0.05
  np.testing.assert_allclose(luma(turned), luma(x), atol=1e-6)


def test_hue_turns_add_up_and_a_full_turn_changes_nothing():
  x = images()
  in_two = apply(apply(x, change(hue=20.0)), change(hue=30.0))
  np.testing.assert_allclose(in_two, apply(x, change(hue=50.0)), atol=2e-6)
  # A turn of 360 degrees is 2 pi only to float32.
  np.testing.assert_allclose(apply(x, change(hue=360.0)), x, atol=2e-6)
  opposite = 2 * luma(x)[..., None] - x
  np.testing.assert_allclose(apply(x, change(hue=180.0)), opposite, atol=2e-6)


def test_hue_turns_the_way_of_the_color_wheel():
  # Red a little towards green, as HSV has it, gives orange.
  red = jnp.full((4, 1, 1, 3), 0.4) + jnp.array([0.2, 0.0, 0.0])
  turned = np.asarray(apply(red, change(hue=15.0))[0, 0, 0], np.float64)
  hue = 360 * colorsys.rgb_to_hsv(*turned)[0]
  # The two wheels are graduated differently.
  assert 5 < hue < 40


def test_gray_images_have_no_color_to_change():
  x = images(1)
  both = change(brightness=0.1, contrast=0.2)
  all_four = both.at[:, 2:].set(jnp.array([0.4, 30.0]))
  np.testing.assert_array_equal(apply(x, all_four), apply(x, both))
  # And a gray image in RGB stays gray.
  rgb = jnp.repeat(x, 3, axis=-1)
  np.testing.assert_allclose(
    apply(rgb, all_four), jnp.repeat(apply(x, both), 3, axis=-1), atol=1e-6
  )


def test_grid_takes_all_combinations():
  x = images(1)
  pset = photometric(0.1, 0.2, 0.3, 4.0)
  size, at = pset.grid(x, 3)
  assert size == 9
  np.testing.assert_allclose(at(0)[0], [-0.1, -0.2, 0, 0], atol=1e-7)
  np.testing.assert_array_equal(at(4), jnp.zeros((4, 4)))
  assert pset.grid(images(), 2).size == 16
  assert pset.grid(images(), 1).size == 1


def test_gradient_search_darkens_where_darkness_is_expected():
  # Brightness alone moves the mean luma: the best is the end of its range.
  def logits_fn(x):
    return jnp.stack([luma(x).mean((1, 2)), jnp.zeros(len(x))], axis=1)

  attack = attacks.compose(search.pgd, photometric(0.2), losses.margin)
  x, y = images(), jnp.zeros(4, jnp.int32)
  x_adv = jax.jit(attack, static_argnums=1)(jax.random.key(0), logits_fn, x, y)
  np.testing.assert_allclose(
    luma(x_adv).mean((1, 2)), luma(x).mean((1, 2)) - 0.2, atol=1e-5
  )


@pytest.mark.parametrize("shape", [(4, 5, 5, 2), (4, 25)])
def test_what_is_no_image_is_refused(shape):
  with pytest.raises(ValueError, match=r"expected \[B, H, W, 3\] in RGB"):
    photometric().zero(jnp.zeros(shape))


def test_negative_ranges_are_refused():
  with pytest.raises(ValueError, match=r"hue = -5.0: expected 0 or more"):
    photometric(hue=-5.0)
