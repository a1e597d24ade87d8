"""Attacks in a row on the survivors."""

import pathlib
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks
from robust_jax.attacks.autoattack import suite
from robust_jax.attacks.autoattack.stage import Stage
from tests.benchmarks.clock import compilations

KEY = jax.random.key(0)
N = 70
X = np.linspace(0.02, 0.98, N, dtype=np.float32)[:, None]
LABELS = np.zeros(N, np.int32)
CLEAN_WRONG, WEAK, STRONG = 0.9, 0.7, 0.4


def threshold(x):
  """Class 1 above CLEAN_WRONG."""
  return jnp.concatenate([CLEAN_WRONG - x, x - CLEAN_WRONG], axis=1)


def raise_by(amount, name, num_rounds=1):
  """Adds the amount in equal parts, one per round."""

  def attack(key, logits_fn, x, labels, x_now, round_index):
    del key, logits_fn, labels, round_index
    return jnp.clip(x_now + amount / num_rounds, 0, 1)

  return Stage(name, attack, num_rounds)


STAGES = [
  raise_by(CLEAN_WRONG - WEAK, "weak"),
  raise_by(CLEAN_WRONG - STRONG, "strong", num_rounds=5),
]


def run(stages=STAGES, **options):
  return suite.run(stages, KEY, threshold, X, LABELS, batch_size=16, **options)


def test_each_image_falls_to_the_first_stage_that_fools():
  outcome = run()
  x = X[:, 0]
  expected = np.select([x > CLEAN_WRONG, x > WEAK, x > STRONG], [0, 1, 2], -1)
  np.testing.assert_array_equal(outcome.misclassified_by, expected)
  standing = expected <= 0
  np.testing.assert_array_equal(outcome.x_adv[standing], X[standing])
  fallen = ~standing
  answers = threshold(outcome.x_adv[fallen]).argmax(axis=1)
  assert (answers != LABELS[fallen]).all()


def test_a_later_stage_begins_at_the_originals():
  # Together the two would reach further than the stronger alone.
  both = run()
  alone = run(STAGES[1:])
  np.testing.assert_array_equal(
    both.misclassified_by == -1, alone.misclassified_by == -1
  )


def test_only_survivors_are_attacked_and_passes_are_theirs():
  clean, weak, strong = run().stages
  x = X[:, 0]
  assert clean["attacked"] == N
  assert weak["attacked"] == (x <= CLEAN_WRONG).sum()
  steps = np.linspace(0, CLEAN_WRONG - STRONG, 6)[:5]
  standing = [(x + s <= CLEAN_WRONG).sum() for s in steps]
  standing[0] = (x <= WEAK).sum()
  standing = [min(s, standing[0]) for s in standing]
  assert strong["attacked"] == sum(standing)
  # These attacks do not ask the model; the check of the result does.
  assert strong["forward"] == strong["attacked"]
  assert strong["backward"] == 0
  assert clean["accuracy"] == pytest.approx((x <= CLEAN_WRONG).mean())
  assert strong["accuracy"] == pytest.approx((x <= STRONG).mean())


def test_no_number_of_survivors_compiles_anew():
  traces = []

  def attack(key, logits_fn, x, labels, x_now, round_index):
    traces.append(x.shape)
    return x_now + 0.01

  run([Stage("steps", attack, num_rounds=8)])
  # Batches of 16, perhaps of 2, and one image to count the passes.
  assert set(traces) <= {(1, 1), (2, 1), (16, 1)}
  assert len(traces) == len(set(traces))


def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path):
  def noisy(key, logits_fn, x, labels, x_now, round_index):
    return jnp.clip(x_now + 0.05 * jax.random.uniform(key, x.shape), 0, 1)

  stages = [Stage("noise", noisy, 4), Stage("more", noisy, 4)]
  whole = run(stages)
  path = tmp_path / "state.npz"
  for stop_after in (3, 11, 14):
    calls = []

    def interrupt(name, done, total, calls=calls, stop_after=stop_after):
      calls.append(name)
      if len(calls) == stop_after:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
      run(stages, save_to=path, progress=interrupt)
  resumed = run(stages, save_to=path)
  np.testing.assert_array_equal(resumed.x_adv, whole.x_adv)
  np.testing.assert_array_equal(
    resumed.misclassified_by, whole.misclassified_by
  )
  for a, b in zip(resumed.stages, whole.stages, strict=True):
    assert a | {"seconds": 0} == b | {"seconds": 0}


def test_the_state_of_another_run_is_refused_until_that_has_ended(tmp_path):
  def interrupt(name, done, total):
    raise KeyboardInterrupt

  path = tmp_path / "state.npz"
  with pytest.raises(KeyboardInterrupt):
    run(save_to=path, progress=interrupt)
  with pytest.raises(ValueError, match=r"stages, attack 2 \(strong\) differ"):
    run(STAGES[:1], save_to=path)
  run(save_to=path)
  other = run(STAGES[:1], save_to=path)
  np.testing.assert_array_equal(other.x_adv, run(STAGES[:1]).x_adv)
  path.write_bytes(b"no archive")
  with pytest.raises(ValueError, match="not the state of an interrupted run"):
    run(save_to=path)


@pytest.mark.parametrize(
  "damage",
  [
    lambda data: data[: len(data) // 2],
    lambda data: data[:200] + bytes(100) + data[300:],
    lambda data: b"",
    lambda data: pickle.dumps({"fingerprint": 1}),
  ],
  ids=["cut", "overwritten", "empty", "a pickle"],
)
def test_a_damaged_state_is_named_in_one_line(tmp_path, damage):
  path = tmp_path / "state.npz"
  run(STAGES[:1], save_to=path)
  path.write_bytes(damage(path.read_bytes()))
  with pytest.raises(ValueError, match=r"state\.npz is not the state") as error:
    run(STAGES[:1], save_to=path)
  assert "\n" not in str(error.value)


def test_no_state_can_run_code(tmp_path):
  class Harmful:
    def __reduce__(self):
      return (pathlib.Path.touch, (tmp_path / "harm",))

  path = tmp_path / "state.npz"
  harmful = np.array([Harmful()], dtype=object)
  np.savez(path, fingerprint=harmful, position=[0, 0, 0], x_adv=harmful)
  with pytest.raises(ValueError, match="is not the state"):
    run(save_to=path)
  assert not (tmp_path / "harm").exists()


def test_what_belongs_to_each_image_is_packed_with_it():
  reach = np.where(np.arange(N) % 3, 0.0, 0.5).astype(np.float32)

  def attack(key, logits_fn, x, labels, x_now, round_index, reach):
    return jnp.clip(x + reach[:, None], 0, 1)

  outcome = run([Stage("reach", attack, 2, {"reach": reach})])
  x = X[:, 0]
  expected = np.select([x > CLEAN_WRONG, x + reach > CLEAN_WRONG], [0, 1], -1)
  np.testing.assert_array_equal(outcome.misclassified_by, expected)
  with pytest.raises(ValueError, match=r"reach of shape \(3,\): expected one"):
    run([Stage("reach", attack, 2, {"reach": reach[:3]})])


def test_a_stage_that_is_not_for_such_images_is_refused_before_any_runs():
  ran = []

  def first(key, logits_fn, x, labels, x_now, round_index):
    jax.debug.callback(ran.append, 1)
    return x

  square = suite.single_round_stage("square", attacks.square("linf", 0.1))
  with pytest.raises(ValueError, match="the Square attack expects images"):
    run([Stage("first", first), square])
  jax.effects_barrier()
  assert not ran


def test_it_is_not_traced():
  with pytest.raises(ValueError, match="outside of jit, grad and vmap"):
    jax.jit(lambda x: suite.run(STAGES, KEY, threshold, x, LABELS))(X)


def test_progress_ends_with_all_of_it():
  seen = {}
  run(progress=lambda name, done, total: seen.update({name: (done, total)}))
  assert list(seen) == ["clean", "weak", "strong"]
  assert all(done == total for done, total in seen.values())


@pytest.mark.parametrize(
  ("result", "message"),
  [
    (lambda x: x + 2, "leaver left its set, .* values from"),
    (lambda x: x * jnp.nan, "leaver left its set|logits are not finite"),
    (lambda x: x * 0 + 1, "leaver left its set, which is a bug .*: too far"),
  ],
)
def test_an_attack_that_leaves_its_set_is_named(result, message):
  def check(x, x_adv, rows):
    if np.abs(x_adv - x).max() > 0.5:
      raise ValueError("too far")

  stage = Stage("leaver", lambda key, f, x, y, now, round_index: result(x))
  with pytest.raises(ValueError, match=message):
    run([stage], check=check)


def test_a_class_that_is_excluded_by_minus_infinity_is_no_bad_answer():
  def with_excluded(x):
    return jnp.pad(threshold(x), ((0, 0), (0, 1)), constant_values=-jnp.inf)

  outcome = suite.run(STAGES[:1], KEY, with_excluded, X, LABELS)
  np.testing.assert_array_equal(
    outcome.misclassified_by, run(STAGES[:1]).misclassified_by
  )


def test_bad_victims_and_inputs_are_refused():
  def nan_at(x):
    return jnp.where(x > 0.5, jnp.nan, 1.0) * jnp.ones((1, 2))

  with pytest.raises(ValueError, match="logits are not finite on image 35"):
    suite.run(STAGES, KEY, nan_at, X, LABELS)
  with pytest.raises(ValueError, match=r"returned shape \(70,\)"):
    suite.run(STAGES, KEY, lambda x: x[:, 0], X, LABELS)
  with pytest.raises(ValueError, match="labels from 0 to 5"):
    suite.run(STAGES, KEY, threshold, X, LABELS + np.eye(N, dtype=int)[0] * 5)


def test_compiling_ahead_changes_no_result():
  runs = [run(compile_threads=threads) for threads in (0, 2)]
  for one, other in zip(runs[0][:2], runs[1][:2], strict=True):
    np.testing.assert_array_equal(one, other)


def test_compiling_ahead_compiles_no_program_twice():
  run()  # programs that do not depend on the stages
  # New objects, of which there is no program yet.
  stages = [raise_by(0.1, "weak"), raise_by(0.5, "strong", num_rounds=2)]
  with compilations() as seconds:
    run(stages, compile_threads=2)
  # The suite may end before the threads have compiled a size of batches that
  # it did not use, so there can be fewer.
  two_sizes, lowering_and_compiling = 2, 2
  assert 0 < len(seconds) <= len(stages) * two_sizes * lowering_and_compiling
