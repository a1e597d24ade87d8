"""The study of the saturating loss measures what it says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.studies.gan_saturation import gradient_norms
from robust_jax.models import DcganDiscriminator, DcganGenerator
from robust_jax.plotting.gradient_norms import draw_gradient_norms
from robust_jax.types import State

KEY = jax.random.key(0)
MODELS = {
  "generator": DcganGenerator((4, 4, 1), (2,)),
  "discriminator": DcganDiscriminator((2,), batch_norm="none"),
}


def test_the_norms_of_both_losses_have_the_ratio_of_the_probabilities():
  """Of a discriminator that gives p to all, they are p g and (1 - p) g."""
  state = {
    "generator": dict(MODELS["generator"].init(KEY, jnp.ones((1, 32)))),
    "discriminator": dict(
      MODELS["discriminator"].init(KEY, jnp.ones((1, 4, 4, 1)))
    ),
  }
  params = {name: own.pop("params") for name, own in state.items()}
  measure = gradient_norms(MODELS)
  dense = params["discriminator"]["dense"]
  dense["kernel"] = 1e-3 * dense["kernel"]
  for logit in (0.0, -10.0):
    dense["bias"] = jnp.full(1, logit)
    norms = measure(State(jnp.int32(0), params, state, ()), KEY)
    ratio = norms["minimax"] / norms["non-saturating"]
    assert float(ratio) == pytest.approx(np.exp(logit), rel=1e-2)


def test_the_picture_is_drawn(tmp_path):
  moves = np.arange(3)
  norms = {"after 0 steps": {"minimax": 0.1**moves, "other": 1.0 + moves}}
  draw_gradient_norms(tmp_path / "norms.png", moves, norms)
  assert (tmp_path / "norms.png").stat().st_size > 5000
