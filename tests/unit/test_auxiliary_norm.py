"""A second set of BatchNorm variables, and AdvProp, which trains it."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import attacks, losses, parallel, perturbations, search
from robust_jax.evaluators.robustness import robustness
from robust_jax.models import MLP, PreActResNet, auxiliary_norm
from robust_jax.models.inference import inference_fn
from robust_jax.tasks.supervised import supervised
from robust_jax.training_losses.advprop import _other_classes, advprop

KEY = jax.random.key(0)
NET = PreActResNet(num_classes=3, num_blocks=(1,), width=4)
BATCH = {
  "x": jax.random.uniform(KEY, (8, 6, 6, 3)),
  "y": jnp.arange(8) % 3,
  "mask": jnp.ones(8),
}
PSET = perturbations.linf(0.1)
LOSS = advprop(search.fgsm, PSET, targeted=False)


def task_of(model=NET, *, both=True):
  return supervised(
    model,
    optax.sgd(1.0),
    loss=LOSS,
    evaluator=robustness(),
    auxiliary_norm=both,
  )


@pytest.fixture(scope="module")
def start():
  """A state whose second set differs from the first."""
  state = jax.jit(task_of().init)(KEY, BATCH)

  def move(path, leaf):
    if all(key.key != "auxiliary_norm" for key in path):
      return leaf
    return leaf + 0.3 * jnp.cos(jnp.arange(leaf.size))

  both = {"params": state.params, "batch_stats": state.model_state}
  moved = jax.tree_util.tree_map_with_path(move, both)
  return state._replace(
    params=moved["params"], model_state=moved["batch_stats"]
  )


@pytest.fixture(scope="module")
def after(start):
  step = parallel.simulate_step(task_of().step, 1)
  return step(start, (), BATCH, KEY)[0]


def plain(variables, x):
  """A pass of standard training: gradient and statistics of the network."""

  def loss(params):
    logits, changed = NET.apply(
      {**variables, "params": params}, x, train=True, mutable=["batch_stats"]
    )
    return losses.cross_entropy(logits, BATCH["y"]).mean(), changed

  grads, changed = jax.jit(jax.grad(loss, has_aux=True))(variables["params"])
  return grads, changed["batch_stats"]


def first_and_second(state):
  """Variables of the network with either set in place."""
  both = {"params": state.params, **state.model_state}
  return [
    auxiliary_norm.remove(each) for each in (both, auxiliary_norm.swap(both))
  ]


def test_swapped_twice_all_is_as_before(start):
  swap = auxiliary_norm.swap
  chex.assert_trees_all_equal(swap(swap(start.params)), start.params)
  first, second = first_and_second(start)
  for collection in ("params", "batch_stats"):
    assert jax.tree.structure(first) == jax.tree.structure(second)
    same = jax.tree.map(np.array_equal, first[collection], second[collection])
    names = {
      path[-2].key
      for path, equal in jax.tree_util.tree_leaves_with_path(same)
      if not equal
    }
    assert names == {"bn", "bn1", "bn2"}


def test_each_set_is_trained_by_its_own_examples_and_the_rest_by_both(
  start, after
):
  """As far as standard training of either network on its examples goes."""
  first, second = first_and_second(start)
  attack = attacks.compose(search.fgsm, PSET, losses.cross_entropy)
  x_adv = attack(KEY, inference_fn(NET, second), BATCH["x"], BATCH["y"])
  of_clean, statistics = plain(first, BATCH["x"])
  of_adversarial, other_statistics = plain(second, x_adv)
  found = first_and_second(after)
  for variables, expected in zip(
    found, (statistics, other_statistics), strict=True
  ):
    chex.assert_trees_all_close(
      variables["batch_stats"], expected, rtol=1e-4, atol=1e-6
    )
  none = jax.tree.map(jnp.zeros_like, start.params)
  grads = jax.tree.map(
    jnp.add,
    {**none, **of_clean},
    auxiliary_norm.swap({**none, **of_adversarial}),
  )
  expected = jax.tree.map(jnp.subtract, start.params, grads)
  chex.assert_trees_all_close(after.params, expected, rtol=1e-3, atol=1e-4)


def test_what_is_deployed_does_not_depend_on_the_second_set(start):
  task = task_of()
  network = jax.eval_shape(NET.init, KEY, BATCH["x"])
  found = task.variables(start)
  assert jax.tree.structure(found) == jax.tree.structure(network)
  first, _ = first_and_second(start)
  chex.assert_trees_all_equal(found, first)
  deployed, alone = task.deployed(start), inference_fn(NET, first)
  np.testing.assert_array_equal(deployed(BATCH["x"]), alone(BATCH["x"]))


def test_a_second_set_needs_batch_norm():
  with pytest.raises(ValueError, match="for a model without BatchNorm"):
    jax.eval_shape(task_of(MLP((4,), num_classes=3)).init, KEY, BATCH)


def test_advprop_needs_a_second_set_where_there_is_batch_norm(start):
  task = task_of(both=False)
  step = parallel.simulate_step(task.step, 1)
  state = jax.eval_shape(task.init, KEY, BATCH)
  with pytest.raises(ValueError, match=r"set task\.auxiliary_norm = True"):
    jax.eval_shape(step, state, (), BATCH, KEY)


def test_a_target_is_any_class_but_the_label():
  labels = jnp.arange(3).repeat(200)
  targets = _other_classes(KEY, labels, 3)
  pairs = set(zip(labels.tolist(), targets.tolist(), strict=True))
  assert pairs == {(a, b) for a in range(3) for b in range(3) if a != b}
