"""Models of other frameworks are attacked, evaluated and frozen as ours."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from robust_jax import attacks, bounded_jit, losses, perturbations, search
from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.attacks.on_numpy import on_numpy
from robust_jax.models.as_pytree import as_pytree
from tests.unit.nnx_net import nnx_net

KEY = jax.random.key(0)
X = jax.random.uniform(KEY, (3, 4, 4, 1))
LABELS = jnp.array([0, 1, 2])
TRACES = []
pgd = attacks.compose(
  search.pgd,
  perturbations.linf(0.1),
  losses.cross_entropy,
  num_steps=2,
  step_size=0.5,
)


class Module(eqx.Module):
  """A module with an activation among its leaves."""

  mlp: eqx.nn.MLP

  def __call__(self, x):
    TRACES.append(1)
    return jax.vmap(self.mlp)(x.reshape(len(x), -1))


def of_nnx(seed):
  net = nnx_net(seed, TRACES)
  net.eval()
  return net


def of_equinox(seed):
  return Module(eqx.nn.MLP(16, 3, 8, 1, key=jax.random.key(seed)))


def linear(weights, x):
  TRACES.append(1)
  return x.reshape(len(x), -1) @ weights


def of_function(seed):
  return Partial(linear, jax.random.normal(jax.random.key(seed), (16, 3)))


MAKERS = [of_nnx, of_equinox, of_function]


@pytest.mark.parametrize("make", MAKERS)
def test_new_parameters_compile_nothing(make):
  for use in (
    lambda model: pgd(KEY, model, X, LABELS),
    lambda model: as_numpy_fn(model)(np.asarray(X)),
    lambda model: jax.jit(_call)(as_pytree(model), X),
  ):
    first = use(make(0))
    del TRACES[:]
    other = use(make(1))
    assert TRACES == []
    assert not np.allclose(first, other)


def _call(model, x):
  return model(x)


@pytest.mark.parametrize("make", MAKERS)
def test_the_attack_is_that_on_a_closure(make):
  model = make(0)
  closure = lambda x: model(x)
  np.testing.assert_allclose(
    pgd(KEY, model, X, LABELS), pgd(KEY, closure, X, LABELS), atol=1e-6
  )


@pytest.mark.parametrize("make", MAKERS)
def test_as_pytree_changes_no_answer(make):
  model = make(0)
  frozen = as_pytree(model)
  np.testing.assert_allclose(frozen(X), model(X), rtol=1e-6)
  assert all(isinstance(v, jax.Array) for v in jax.tree.leaves(frozen))


@pytest.mark.parametrize("part", ["norm", "drop"])
def test_a_model_in_training_mode_is_refused(part):
  model = of_nnx(0)
  getattr(model, part).train()
  for use in (
    lambda: pgd(KEY, model, X, LABELS),
    lambda: as_numpy_fn(model)(np.asarray(X)),
    lambda: attacks.autoattack("linf", 0.1)(KEY, model, X, LABELS),
  ):
    with pytest.raises(ValueError, match=r"call model.eval\(\) first"):
      use()


def test_an_attack_changes_nothing_in_a_module():
  model = of_nnx(0)
  before = jax.tree.leaves(model)
  pgd(KEY, model, X, LABELS)
  after = jax.tree.leaves(model)
  assert all(a is b for a, b in zip(before, after, strict=True))


def test_other_arguments_that_change_are_refused_as_well():
  def count(counter, x):
    counter["n"] = counter["n"] + 1
    return x

  with pytest.raises(ValueError, match="changes its own arrays"):
    bounded_jit.call(count, {"n": jnp.zeros(())}, X)


@pytest.mark.parametrize("channels_first", [False, True])
def test_on_numpy_attacks_each_image_on_its_own(channels_first):
  """As many as fill no piece; a deterministic attack shows it row by row."""
  weights = jax.random.normal(KEY, (24, 3))
  model = lambda x: x.reshape(len(x), -1) @ weights
  fgsm = attacks.compose(
    search.fgsm, perturbations.linf(0.1), losses.cross_entropy
  )
  x = np.random.default_rng(0).random((11, 4, 2, 3), np.float32)
  labels = np.arange(11) % 3
  images = np.moveaxis(x, -1, 1) if channels_first else x
  perturb = on_numpy(fgsm, model, channels_first=channels_first, batch_size=4)
  found = perturb(images, labels)
  assert found.shape == images.shape
  expected = np.asarray(fgsm(KEY, model, x, labels))
  found = np.moveaxis(found, 1, -1) if channels_first else found
  np.testing.assert_allclose(found, expected, atol=1e-6)


def test_on_numpy_repeats_itself_by_the_seed_alone():
  perturb = on_numpy(attacks.rs_fgsm(0.1), of_function(0), batch_size=32)
  x = np.random.default_rng(0).random((40, 4, 4, 1), np.float32)
  labels = np.zeros(40, int)
  first, again, other = (perturb(x, labels, seed) for seed in (0, 0, 1))
  np.testing.assert_array_equal(first, again)
  assert not np.array_equal(first, other)
  # Equal images in two pieces get noise of their own.
  same = perturb(np.repeat(x[:1], 40, axis=0), labels)
  assert not np.array_equal(same[0], same[32])


def test_on_numpy_compiles_one_program_for_batches_of_all_sizes():
  perturb = on_numpy(pgd, of_function(0), batch_size=8)
  for number in (8, 5, 1, 13):
    if number < 8:
      del TRACES[:]
    perturb(np.full((number, 4, 4, 1), 0.5), np.zeros(number, int))
  assert TRACES == []


def test_on_numpy_refuses_what_the_attack_refuses():
  perturb = on_numpy(pgd, of_function(0))
  with pytest.raises(ValueError, match=r"expected \[0, 1\]"):
    perturb(255 * np.ones((2, 4, 4, 1), np.float32), np.zeros(2, int))
  with pytest.raises(ValueError, match="expected a batch"):
    perturb(np.ones((0, 4, 4, 1), np.float32), np.zeros(0, int))
