"""FreeLB against a loop of its algorithm, and methods on embeddings."""

import functools

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import losses, metrics, parallel, tree
from robust_jax.attacks import compose, worst_of_k
from robust_jax.attacks.cost import count_step_calls
from robust_jax.evaluators.robustness import robustness
from robust_jax.gradients.sam import sam
from robust_jax.models.text.embeddings import TokenEmbeddings, mean_of_tokens
from robust_jax.perturbations.embeddings import embeddings
from robust_jax.search import pgd
from robust_jax.tasks.free import free
from robust_jax.tasks.supervised import supervised
from robust_jax.training_losses import erm, freelb, pgd_at, r3f, trades
from robust_jax.training_losses.forward import model_forward
from robust_jax.types import Forward, State

KEY = jax.random.key(0)
B, T, D, V = 4, 6, 8, 11
SIZES = {"step_size": 0.6, "init_magnitude": 0.9, "radius": 0.7}


class Net(nn.Module):
  """A small model of texts, curved in their embeddings."""

  dropout: float = 0.0

  @nn.compact
  def __call__(self, x, *, train=False):
    h = TokenEmbeddings(V, D, name="embeddings")(x)
    h = jnp.tanh(nn.Dense(D, name="hidden")(h))
    h = nn.Dropout(self.dropout, deterministic=not train)(h)
    return nn.Dense(2, name="dense")(mean_of_tokens(h, x))


def model(dropout=0.0):
  return Net(dropout)


@functools.cache
def batch():
  rng = np.random.default_rng(0)
  mask = np.arange(T) < np.array([6, 4, 1, 3])[:, None]
  tokens = np.where(mask, rng.integers(1, V, (B, T)), 0)
  return {
    "x": {"tokens": jnp.asarray(tokens), "mask": jnp.asarray(mask)},
    "y": jnp.array([0, 1, 1, 0]),
    "mask": jnp.float32([1, 1, 1, 0]),  # the last is padding of the batch
  }


@functools.cache
def initial():
  """Variables whose gradients are no small differences."""
  params = jax.jit(model().init)(KEY, batch()["x"])["params"]
  return jax.tree.map(lambda w: 2 * w, params)


def mean_loss(loss, dropout=0.0):
  """(parameters, batch) -> mean over real examples and gradient; compiled."""

  def mean(params, rows):
    state = State(jnp.int32(0), params, {}, ())
    out = loss(model_forward(model(dropout), params, state), rows, KEY)
    total, count = metrics.average(out.per_example, rows["mask"])
    return total / count, out

  return jax.jit(jax.value_and_grad(mean, has_aux=True))


def gradient(loss, dropout=0.0):
  """The mean loss, and its gradient."""
  (value, _), grads = mean_loss(loss, dropout)(initial(), batch())
  return value, grads


@functools.cache
def freelb_of_three():
  return mean_loss(freelb(D, **SIZES))


@functools.cache
def standard():
  return gradient(erm())


def close(*trees, rtol=1e-4, atol=1e-6):
  chex.assert_trees_all_close(*trees, rtol=rtol, atol=atol)


def recorded(loss):
  """Every delta that the model is shown, `[B, T, D]` each, in order."""
  seen = []

  def run(params):
    state = State(jnp.int32(0), params, {}, ())
    forward = model_forward(model(), params, state)

    def train(key, x, model_state=None):
      jax.debug.callback(lambda d: seen.append(np.asarray(d)), x["delta"])
      return forward.train(key, x, model_state)

    return loss(forward._replace(train=train), batch(), KEY).outputs

  jax.jit(run)(initial())
  jax.effects_barrier()
  return seen


def test_it_is_the_algorithm_written_as_a_loop():
  rows, (x, y) = batch(), (batch()["x"], batch()["y"])
  deltas = recorded(freelb(D, **SIZES))
  assert len(deltas) == 3

  @jax.jit
  def by_hand(params, delta):
    def mean(params, delta):
      logits = model().apply({"params": params}, {**x, "delta": delta})
      each = losses.cross_entropy(logits, y)
      return (each * rows["mask"]).sum() / rows["mask"].sum()

    return jax.value_and_grad(mean, argnums=(0, 1))(params, delta)

  delta, total, values = deltas[0], None, []
  for shown in deltas:
    close(shown, delta)
    value, (grads, slope) = by_hand(initial(), delta)
    values.append(value)
    total = grads if total is None else jax.tree.map(jnp.add, total, grads)
    slope = np.asarray(slope) * np.asarray(x["mask"])[..., None]
    length = np.sqrt((slope**2).sum((1, 2), keepdims=True))
    delta = delta + 0.6 * slope / np.maximum(length, 1e-30)
    length = np.sqrt((delta**2).sum((1, 2), keepdims=True))
    delta = delta * np.minimum(1, 0.7 / np.maximum(length, 1e-30))
  (value, _), grads = freelb_of_three()(initial(), batch())
  np.testing.assert_allclose(value, np.mean(values), rtol=1e-5)
  close(grads, jax.tree.map(lambda g: g / 3, total))


def test_one_pass_without_a_start_is_standard_training():
  close(gradient(freelb(D, num_passes=1)), standard())


def test_the_start_and_the_ball_have_their_sizes_and_padding_is_zero():
  first, *later = recorded(freelb(D, **SIZES))
  x = batch()["x"]
  number = x["mask"].sum(axis=1)
  # Uniform numbers in [-1, 1] have a variance of a third.
  lengths = tree.norm(jnp.asarray(first), "l2")
  assert np.all(np.abs(lengths / 0.9 - 3**-0.5) < 0.25 / np.sqrt(number))
  for delta in later:
    assert np.all(tree.norm(jnp.asarray(delta), "l2") <= 0.7 * (1 + 1e-6))
  for delta in (first, *later):
    assert np.all(delta[~np.asarray(x["mask"])] == 0)
    assert np.all(np.any(delta[np.asarray(x["mask"])] != 0, axis=-1))


def test_without_a_radius_steps_add_up():
  line = recorded(freelb(D, num_passes=4, step_size=0.5))
  lengths = [tree.norm(jnp.asarray(delta), "l2")[0] for delta in line]
  assert lengths[0] == 0
  assert lengths[1] == pytest.approx(0.5, rel=1e-5)
  assert 0.7 < lengths[3] <= 1.5 * (1 + 1e-5)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_set_of_embeddings_leaves_padding_and_ignores_how_much_there_is(norm):
  """A random start is as long with much padding as with none."""
  full = {"tokens": jnp.ones((200, 3), int), "mask": jnp.ones((200, 3), bool)}
  more = jax.tree.map(lambda leaf: jnp.pad(leaf, [(0, 0), (0, 5)]), full)
  pset = embeddings(0.7, 2, norm)
  deltas = [pset.sample(KEY, x) for x in (full, more)]
  lengths = [np.asarray(tree.norm(delta, norm)) for delta in deltas]
  assert np.max(lengths) <= 0.7 * (1 + 1e-6)
  # Uniform in a ball of 6 dimensions: the mean is 6/7 of the radius.
  for length in lengths:
    assert length.mean() == pytest.approx(0.6, abs=0.03)
  ones = jnp.ones((200, 8, 2))
  for delta in (
    deltas[1],
    pset.project(more, ones),
    pset.linear_maximizer(more, ones),
  ):
    assert np.all(delta[:, 3:] == 0)
    assert np.all(delta[:, :3] != 0)


@pytest.mark.parametrize(
  "make",
  [
    freelb_of_three,
    lambda: smoothness("r3f"),
    lambda: mean_loss(pgd_at(worst_of_k(embeddings(0.7, D), k=1))),
  ],
)
def test_tokens_of_padding_change_nothing(make):
  rows, x = batch(), batch()["x"]
  other = {**x, "tokens": jnp.where(x["mask"], x["tokens"], 5)}
  run = make()
  one, two = (run(initial(), rows | {"x": text}) for text in (x, other))
  # The embedding of padding itself has no gradient either.
  close(one, two, rtol=1e-6)


def test_all_passes_share_one_dropout_mask():
  """At one delta K passes are one; with masks of their own they are not."""
  still = {"step_size": 0.0}
  many, single, fresh = (
    gradient(freelb(D, **options, **still), 0.5)
    for options in (
      {"num_passes": 3},
      {"num_passes": 1},
      {"num_passes": 3, "fresh_dropout": True},
    )
  )
  close(many, single)
  assert not np.allclose(many[0], fresh[0], rtol=1e-3)


def task_of(loss, **options):
  return supervised(
    model(), optax.sgd(0.1), loss=loss, evaluator=robustness(), **options
  )


def step_of(task):
  """The State before and after a step."""
  start = jax.jit(task.init)(KEY, batch())
  after, _ = parallel.simulate_step(task.step, 1)(start, (), batch(), KEY)
  return start, after


def passes(task):
  start = jax.eval_shape(task.init, KEY, batch())
  step = parallel.simulate_step(task.step, 1)
  return tuple(count_step_calls(step, B, start, (), batch(), KEY))


def smart():
  ball = embeddings(0.7, D)
  attack = compose(pgd, ball, losses.symmetric_kl, num_steps=1, keep="last")
  return trades(attack, beta=1.0, divergence=losses.symmetric_kl)


def test_a_step_makes_k_passes_and_sam_makes_them_twice():
  assert passes(task_of(freelb(D, num_passes=4))) == (4, 4)
  assert passes(task_of(freelb(D), gradient=sam())) == (6, 6)


def test_sam_takes_its_gradient_at_the_worst_parameters_nearby():
  run = functools.partial(freelb_of_three(), rows=batch())
  (value, _), grads = sam(rho=0.3)(run, 0)(initial())
  (plain, _), first = run(initial())
  length = optax.tree.norm(first)
  worst = jax.tree.map(lambda w, g: w + 0.3 * g / length, initial(), first)
  close((value, grads), (plain, run(worst)[1]))


def test_r3f_without_noise_is_standard_training():
  close(gradient(r3f(D, scale=0.0, weight=3.0)), standard())


@functools.cache
def smoothness(name):
  losses = {"r3f": r3f(D, scale=0.5, noise="normal", weight=2.0)}
  return mean_loss((losses | {"smart": smart()})[name])


@pytest.mark.parametrize("name", ["r3f", "smart"])
def test_smoothness_is_the_sum_of_both_divergences(name):
  (_, out), _ = smoothness(name)(initial(), batch())
  natural = losses.cross_entropy(out.outputs, batch()["y"])
  total, _ = out.metrics["kl"]
  assert total > 1e-4
  weight = {"r3f": 2.0, "smart": 1.0}[name]
  np.testing.assert_allclose(
    (out.per_example - natural)[:3].sum(), weight * total, rtol=1e-5
  )


@pytest.mark.parametrize("name", ["r3f", "smart"])
def test_the_smoothness_of_a_constant_model_is_zero(name):
  last = jax.tree.map(jnp.zeros_like, initial()["dense"])
  (_, out), _ = smoothness(name)(initial() | {"dense": last}, batch())
  assert out.metrics["kl"][0] == 0


def test_pgd_on_embeddings_raises_the_loss_more_than_noise():
  ball = embeddings(0.7, D)
  attack = compose(pgd, ball, losses.cross_entropy, num_steps=3)
  values = [
    gradient(loss)[0]
    for loss in (pgd_at(worst_of_k(ball, k=1)), pgd_at(attack))
  ]
  noise, worst = (value - standard()[0] for value in values)
  assert worst > 3 * abs(noise)


def test_free_training_on_embeddings_is_its_algorithm_written_as_a_loop():
  ball = embeddings(0.7, D)
  task = free(
    model(),
    optax.sgd(0.1),
    pset=ball,
    replays=2,
    step_size=0.5,
    evaluator=robustness(),
  )
  start, after = step_of(task)
  x, rows = batch()["x"], batch()
  key = jax.random.fold_in(jax.random.fold_in(KEY, 0), 0)
  delta = ball.sample(jax.random.split(key)[0], x)
  params = start.params

  @jax.jit
  def gradients(params, delta):
    def mean(params, delta):
      logits = model().apply({"params": params}, {**x, "delta": delta})
      each = losses.cross_entropy(logits, rows["y"])
      return (each * rows["mask"]).sum() / 3

    return jax.grad(mean, argnums=(0, 1))(params, delta)

  for _ in range(2):
    grads, slope = gradients(params, delta)
    params = jax.tree.map(lambda w, g: w - 0.1 * g, params, grads)
    moved = delta + 0.35 * tree.normalize(slope, "l2")
    length = tree.expand(tree.norm(moved, "l2"), moved)
    delta = moved * jnp.minimum(1, 0.7 / jnp.maximum(length, 1e-30))
  close(after.params, params)


def test_a_delta_of_another_width_is_refused():
  with pytest.raises(ValueError, match=r"width 3.*expected 8"):
    gradient(freelb(3))


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: freelb(D, num_passes=0), "num_passes = 0"),
    (lambda: freelb(D, step_size=-1.0), "step_size = -1.0"),
    (lambda: freelb(D, radius=-1.0), "radius = -1.0"),
    (lambda: r3f(D, noise="gauss"), "expected 'uniform' or 'normal'"),
    (lambda: embeddings(1.0, D, "l1"), "expected 'l2' or 'linf'"),
  ],
)
def test_bad_options_are_refused(make, message):
  with pytest.raises(ValueError, match=message):
    make()


def test_texts_have_no_warm_up():
  attack = compose(pgd, embeddings(0.1, D), losses.cross_entropy)
  loss = pgd_at(attack, warmup_steps=3)
  batch = {"x": {"tokens": jnp.ones((B, T), jnp.int32)}, "y": jnp.zeros(B)}
  forward = Forward(None, inference=lambda x: x, step=0)
  with pytest.raises(ValueError, match=r"warmup_steps = 3 .* dict: expected 0"):
    loss(forward, batch, KEY)
