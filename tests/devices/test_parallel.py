"""Many devices compute what one would."""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import attacks, losses, metrics, parallel, search
from robust_jax import perturbations as sets
from robust_jax.attacks.autoattack import suite
from robust_jax.evaluators.robustness import robustness
from robust_jax.models.layers import batch_norm
from robust_jax.tasks.supervised import supervised
from robust_jax.training.weight_averages import ema
from robust_jax.training_losses.erm import erm
from robust_jax.training_losses.pgd_at import pgd_at

KEY = jax.random.key(0)
NUM_STEPS = 2


class Net(nn.Module):
  """Small, with every kind of layer that devices could disagree about."""

  synchronize: str = "per_device"

  @nn.compact
  def __call__(self, x, *, train=False):
    x = nn.Conv(4, (3, 3))(x)
    x = nn.relu(batch_norm(self.synchronize, train=train, name="bn")(x))
    x = nn.max_pool(x, (2, 2), strides=(2, 2))
    return nn.Dense(3)(x.reshape(len(x), -1))


def batch():
  keys = jax.random.split(KEY)
  return {
    "x": np.array(jax.random.uniform(keys[0], (16, 4, 4, 1))),
    "y": np.asarray(jax.random.randint(keys[1], (16,), 0, 3)),
    "mask": np.ones(16, np.float32),
  }


ATTACK = attacks.compose(
  search.pgd, sets.linf(0.1), losses.cross_entropy, num_steps=2, keep="last"
)


PGD_AT = pgd_at(ATTACK)


def task(synchronize="per_device", loss=PGD_AT, accumulation_steps=1):
  one = supervised(
    Net(synchronize),
    optax.sgd(0.1, momentum=0.9),
    loss=loss,
    evaluator=robustness(),
    accumulation_steps=accumulation_steps,
  )
  return ema(one, 0.5)


def run(step, task):
  # A copy each: a step gives its state's memory away.
  state = jax.tree.map(jnp.array, task.init(KEY, batch()))
  for _ in range(NUM_STEPS):
    state, report = step(state, (), batch(), KEY)
  return jax.device_get((state, report))


@pytest.mark.parametrize(
  ("num_devices", "synchronize", "accumulation_steps"),
  [
    (1, "per_device", 1),
    (1, "synchronized", 1),
    (8, "per_device", 1),
    (8, "synchronized", 1),
    (8, "synchronized", 2),
  ],
)
def test_pmap_is_the_simulated_step(
  num_devices, synchronize, accumulation_steps
):
  one = task(synchronize, accumulation_steps=accumulation_steps)
  real = parallel.pmap_step(one.step, devices=jax.local_devices()[:num_devices])
  simulated = parallel.simulate_step(one.step, num_devices)
  # Sums in another order; sign(gradient) may flip where it is next to 0, which
  # moves a pixel, not the average over 16 images of what it causes, by much.
  chex.assert_trees_all_close(
    run(real, one), run(simulated, one), rtol=1e-4, atol=1e-5
  )


def test_synchronized_statistics_do_not_depend_on_the_number_of_devices():
  one = task("synchronized")
  # Without the attack, whose random start differs with the shard.
  step = task("synchronized", erm()).step
  results = [run(parallel.simulate_step(step, n), one) for n in (1, 8)]
  for result in results[1:]:
    chex.assert_trees_all_close(result, results[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("num_devices", [1, 8])
def test_a_step_writes_its_state_where_the_one_before_was(num_devices):
  one = task()
  step = parallel.pmap_step(one.step, devices=jax.local_devices()[:num_devices])
  state = jax.eval_shape(one.init, KEY, batch())
  compiled = step.lower(state, (), batch(), KEY).compile()
  size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
  assert compiled.memory_analysis().alias_size_in_bytes >= size


def test_each_device_and_each_step_has_its_own_key():
  def step(state, batch, key):
    del batch
    draws = jax.random.uniform(key, (1,))
    slot = jnp.zeros(8).at[jax.lax.axis_index(parallel.AXIS)].set(draws[0])
    return state._replace(step=state.step + 1), parallel.total(
      {"draws": (slot, jnp.float32(1))}
    )

  state = task().init(KEY, batch())
  compiled = parallel.pmap_step(step)
  state, first = compiled(state, (), batch(), KEY)
  _, second = compiled(state, (), batch(), KEY)
  draws = np.concatenate([first["draws"][0], second["draws"][0]])
  assert len(np.unique(draws)) == 16


def test_a_forgotten_mean_is_caught():
  def forgetful(state, batch, key):
    del key
    grad = jnp.mean(batch["x"])
    return state._replace(step=state.step + 1, params=grad), {}

  state = task().init(KEY, batch())
  for compile in (parallel.pmap_step, lambda s: parallel.simulate_step(s, 2)):
    with pytest.raises(ValueError, match="out_axes"):
      compile(forgetful)(state, (), batch(), KEY)


def test_rows_that_do_not_divide_are_refused():
  with pytest.raises(ValueError, match="12 does not divide by the 8 devices"):
    parallel.local_rows(12)
  thirteen = jax.tree.map(lambda rows: rows[:13], batch())
  with pytest.raises(ValueError, match="13 rows does not divide by 8 devices"):
    parallel.pmap_step(task().step)(
      task().init(KEY, batch()), (), thirteen, KEY
    )


def test_evaluation_counts_every_real_row_once():
  def evaluate(state, batch, key):
    del state, key
    return {"mean": metrics.average(batch["x"][:, 0, 0, 0], batch["mask"])}

  # An empty state, a batch, a key and an index are five arguments and five
  # leaves, which pmap once took for one another.
  rows = batch()
  rows["mask"][11:] = 0
  rows["x"][11:] = np.nan
  total, count = parallel.pmap_evaluate(evaluate)((), (), rows, KEY, 0)["mean"]
  assert count == 11
  np.testing.assert_allclose(total, rows["x"][:11, 0, 0, 0].sum(), rtol=1e-6)


def test_a_suite_of_attacks_is_spread_over_devices_and_finds_the_same():
  attack = attacks.compose(
    search.pgd,
    sets.linf(0.1),
    losses.margin,
    num_steps=3,
    random_start=False,
  )

  net = Net()
  variables = net.init(KEY, batch()["x"])
  model = jax.tree_util.Partial(net.apply, variables)
  x = batch()["x"]
  labels = np.asarray(model(x).argmax(axis=1))
  rows = parallel.spread(x)
  assert len(rows.sharding.device_set) == 8
  np.testing.assert_array_equal(rows, x)
  # 16 images divide by eight devices, 12 and 4 do not.
  spread, alone = (
    suite.run(
      [suite.single_round_stage("pgd", attack)],
      KEY,
      model,
      x,
      labels,
      batch_size=size,
    )
    for size in (16, 12)
  )
  np.testing.assert_allclose(spread.x_adv, alone.x_adv, atol=1e-6)
  np.testing.assert_array_equal(spread.misclassified_by, alone.misclassified_by)
  assert (spread.misclassified_by == 1).any()
