"""Training losses against formulas in NumPy, and on the digits."""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.special import log_softmax
from scipy.stats import norm

from robust_jax import attacks, losses, metrics, parallel, search
from robust_jax import perturbations as sets
from robust_jax.data.load import load
from robust_jax.evaluators.robustness import robustness
from robust_jax.gradients.asam import asam
from robust_jax.gradients.awp import awp
from robust_jax.gradients.sam import sam
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.models.layers import batch_norm
from robust_jax.tasks.supervised import supervised
from robust_jax.training_losses.alp import alp
from robust_jax.training_losses.consistency import consistency
from robust_jax.training_losses.erm import erm
from robust_jax.training_losses.forward import model_forward
from robust_jax.training_losses.gat import gat
from robust_jax.training_losses.gaussian import gaussian
from robust_jax.training_losses.grad_align import grad_align
from robust_jax.training_losses.macer import macer
from robust_jax.training_losses.mart import mart
from robust_jax.training_losses.n_fgsm import n_fgsm
from robust_jax.training_losses.pgd_at import pgd_at
from robust_jax.training_losses.several_attacks import several_attacks
from robust_jax.training_losses.smooth_adv import smooth_adv
from robust_jax.training_losses.trades import trades
from robust_jax.types import Forward, State

KEY = jax.random.key(0)
LABELS = jnp.array([0, 2, 1, 1, 0, 2])
BATCH = {
  "x": jax.random.uniform(KEY, (6, 2, 2, 1)),
  "y": LABELS,
  "mask": jnp.ones(6),
}


class Linear(nn.Module):
  @nn.compact
  def __call__(self, x, *, train=False):
    del train
    return nn.Dense(3, kernel_init=nn.initializers.normal(2.0))(
      x.reshape(len(x), -1)
    )


class Normalized(nn.Module):
  @nn.compact
  def __call__(self, x, *, train=False):
    x = batch_norm("per_device", train=train, name="bn")(x.reshape(len(x), -1))
    return nn.Dense(3)(x)


def invert(key, model, x, targets):
  del key, model, targets
  return 1 - x


def step_of(loss, model=None, rows=BATCH, **options):
  """The state before a step of gradient descent, after it, and its report."""
  task = supervised(
    model or Linear(),
    optax.sgd(0.5),
    loss=loss,
    evaluator=robustness(),
    **options,
  )
  start = jax.jit(task.init)(KEY, rows)
  after, report = parallel.simulate_step(task.step, 1)(start, (), rows, KEY)
  return start, after, metrics.result(report)


def log_probabilities(params):
  """Of the clean images, and of the inverted, in float64."""
  kernel, bias = (
    np.float64(params["Dense_0"][name]) for name in ("kernel", "bias")
  )
  return [
    log_softmax(np.float64(x).reshape(6, -1) @ kernel + bias, axis=-1)
    for x in (BATCH["x"], 1 - BATCH["x"])
  ]


def test_trades_is_the_cross_entropy_and_the_divergence():
  start, _, report = step_of(trades(invert, beta=3.0))
  clean, moved = log_probabilities(start.params)
  divergence = (np.exp(clean) * (clean - moved)).sum(axis=-1)
  natural = -clean[np.arange(6), LABELS]
  np.testing.assert_allclose(report["kl"], divergence.mean(), rtol=1e-5)
  np.testing.assert_allclose(
    report["loss"], (natural + 3 * divergence).mean(), rtol=1e-5
  )
  assert report["accuracy"] == (clean.argmax(-1) == LABELS).mean()


def test_gat_is_the_cross_entropy_and_the_distance_of_probabilities():
  start, _, report = step_of(gat(invert, weight=4.0))
  clean, moved = log_probabilities(start.params)
  distance = np.sum((np.exp(clean) - np.exp(moved)) ** 2, axis=-1)
  natural = -clean[np.arange(6), LABELS]
  np.testing.assert_allclose(report["distance"], distance.mean(), rtol=1e-5)
  np.testing.assert_allclose(
    report["loss"], (natural + 4 * distance).mean(), rtol=1e-5
  )


def test_mart_is_the_boosted_cross_entropy_and_the_weighed_divergence():
  start, _, report = step_of(mart(invert, beta=5.0))
  clean, moved = log_probabilities(start.params)
  expected = []
  for label, log_p, log_q in zip(np.asarray(LABELS), clean, moved, strict=True):
    p, q = np.exp(log_p), np.exp(log_q)
    boosted = -np.log(q[label]) - np.log(1.0001 - np.delete(q, label).max())
    expected.append(boosted + 5 * np.sum(p * (log_p - log_q)) * (1 - p[label]))
  np.testing.assert_allclose(report["loss"], np.mean(expected), rtol=1e-4)
  assert report["accuracy"] == (moved.argmax(-1) == LABELS).mean()


def test_alp_is_both_cross_entropies_and_the_squared_difference():
  start, _, report = step_of(alp(invert, weight=0.7))
  clean, moved = log_probabilities(start.params)
  natural = -(clean + moved)[np.arange(6), LABELS] / 2
  kernel = np.float64(start.params["Dense_0"]["kernel"])
  apart = np.float64(2 * BATCH["x"] - 1).reshape(6, -1) @ kernel
  pairing = (apart**2).mean(axis=-1)
  np.testing.assert_allclose(report["pairing"], pairing.mean(), rtol=1e-5)
  np.testing.assert_allclose(
    report["loss"], (natural + 0.7 * pairing).mean(), rtol=1e-5
  )


def test_n_fgsm_without_noise_is_fgsm_from_the_image_itself():
  fgsm = attacks.compose(search.fgsm, sets.linf(0.1), losses.cross_entropy)
  found = [step_of(loss)[1] for loss in (n_fgsm(0.1, noise=0), pgd_at(fgsm))]
  chex.assert_trees_all_close(found[0].params, found[1].params, rtol=1e-6)


def test_n_fgsm_does_not_project_noise_and_step_onto_the_ball():
  seen = []

  def objective(logits, labels):
    seen.append(logits)
    return losses.cross_entropy(logits, labels)

  class Gray(nn.Module):
    """Logits that are the pixels, about 1/2 in all images."""

    @nn.compact
    def __call__(self, x, *, train=False):
      weight = self.param("one", nn.initializers.ones, ())
      return weight * x.reshape(len(x), -1)

  rows = BATCH | {"x": jnp.full((6, 2, 2, 1), 0.5)}
  loss = n_fgsm(0.1, noise=2.0, objective=objective)
  variables = Gray().init(KEY, rows["x"])
  state = State(jnp.int32(0), variables["params"], {}, ())
  loss(model_forward(Gray(), state.params, state), rows, KEY)
  apart = np.abs(np.asarray(seen[0]) - 0.5)
  assert 0.2 < apart.max() <= 0.3 + 1e-6


def test_gradients_of_a_linear_binary_model_are_aligned():
  """They are multiples of one vector: what is left is FGSM."""

  class Binary(nn.Module):
    @nn.compact
    def __call__(self, x, *, train=False):
      return nn.Dense(2)(x.reshape(len(x), -1))

  rows = BATCH | {"y": LABELS % 2}
  fgsm = attacks.compose(search.fgsm, sets.linf(0.1), losses.cross_entropy)
  _, aligned, report = step_of(grad_align(0.1, weight=5.0), Binary(), rows)
  np.testing.assert_allclose(report["cosine"], 1, rtol=1e-5)
  _, plain, _ = step_of(pgd_at(fgsm), Binary(), rows)
  chex.assert_trees_all_close(aligned.params, plain.params, atol=1e-5)


def test_alignment_turns_gradients_that_differ_within_the_ball():
  """Down the second term alone, the cosine of a curved model rises."""
  model = MLP((8,), num_classes=3)
  start = model.init(KEY, BATCH["x"])["params"]

  @jax.jit
  def found(params, weight):
    state = State(jnp.int32(0), params, {}, ())
    loss = grad_align(0.5, weight=1.0)
    out = loss(model_forward(model, params, state), BATCH, KEY)
    cosine = out.metrics["cosine"][0] / len(LABELS)
    return weight * out.per_example.mean() - (1 - weight) * cosine, cosine

  (_, before), slope = jax.value_and_grad(found, has_aux=True)(start, 0.0)
  after = jax.tree.map(lambda w, g: w - 0.01 * g, start, slope)
  assert before < 0.9999
  assert found(after, 0.0)[1] > before


@pytest.mark.parametrize("scale", [1.0, 10.0, 30.0, 35.0, 100.0])
def test_alignment_is_finite_for_examples_that_are_certainly_correct(scale):
  """Their gradients are so small that squares of them underflow."""
  weights = scale * jnp.array([[1.0, -1.0], [0.3, 0.1], [0.2, -0.5]])
  batch = {"x": jnp.array([[0.9, 0.2, 0.5]]), "y": jnp.array([0])}

  @jax.jit
  @jax.grad
  def slope(weights):
    forward = Forward(lambda _, x, state=None: (x @ weights, {}), None, 0)
    out = grad_align(0.1)(forward, batch | {"mask": jnp.ones(1)}, KEY)
    return out.per_example.sum()

  assert np.isfinite(slope(weights)).all()


def test_several_attacks_take_the_mean_or_the_worst_of_them():
  both = {"unmoved": unmoved, "invert": invert}
  start, _, mean = step_of(several_attacks(both, over="mean"))
  _, _, worst = step_of(several_attacks(both, over="max"))
  each = -np.stack(log_probabilities(start.params))[:, np.arange(6), LABELS]
  np.testing.assert_allclose(mean["loss"], each.mean(), rtol=1e-5)
  np.testing.assert_allclose(worst["loss"], each.max(0).mean(), rtol=1e-5)
  assert mean["attack_passes"] == 0
  assert worst["attack_passes"] == 2


def test_one_attack_is_not_several():
  with pytest.raises(ValueError, match=r"expected two or more"):
    several_attacks({"invert": invert})


@pytest.mark.parametrize(
  ("loss", "objective"),
  [(trades, losses.kl), (mart, losses.cross_entropy)],
)
def test_an_attack_that_cannot_move_leaves_the_clean_loss(loss, objective):
  """Of TRADES the cross-entropy, of MART the boosted one of the image."""
  pinned = attacks.compose(search.pgd, sets.linf(0.0), objective, num_steps=1)
  _, _, report = step_of(loss(pinned))
  assert report["kl"] == 0
  _, _, plain = step_of(erm() if loss is trades else mart(unmoved))
  np.testing.assert_allclose(report["loss"], plain["loss"], rtol=1e-6)


def unmoved(key, model, x, targets):
  del key, model, targets
  return x


def test_the_inner_problem_of_trades_is_the_divergence():
  attack = attacks.compose(
    search.pgd, sets.linf(0.2), losses.kl, num_steps=5, random_start=True
  )
  _, _, random = step_of(trades(lambda key, model, x, _: x + 0.01))
  _, _, found = step_of(trades(attack))
  assert found["kl"] > 3 * random["kl"]
  # Five gradients, the scores of the start, of the clean point and of the end.
  assert found["attack_passes"] == 5 + 5 + 2


@pytest.mark.parametrize("loss", [trades, mart])
def test_running_statistics_see_the_clean_pass_then_the_attacked(loss):
  model = Normalized()
  start, after, _ = step_of(loss(invert), model)
  variables = {"params": start.params, **start.model_state}
  for x in (BATCH["x"], 1 - BATCH["x"]):
    _, changed = model.apply(variables, x, train=True, mutable=["batch_stats"])
    variables |= changed
  chex.assert_trees_all_close(
    after.model_state["batch_stats"], variables["batch_stats"], rtol=1e-6
  )


def test_pgd_at_is_a_step_on_the_attacked_batch():
  _, attacked, _ = step_of(pgd_at(invert), Normalized())
  rows = BATCH | {"x": 1 - BATCH["x"]}
  _, plain, _ = step_of(erm(), Normalized(), rows)
  chex.assert_trees_all_close(attacked, plain, rtol=1e-5, atol=1e-6)


def test_an_attack_sees_running_statistics():
  """Each row is answered for itself alone."""
  seen = []

  def compare(key, model, x, targets):
    del key, targets
    rowwise = jnp.concatenate([model(x[i : i + 1]) for i in range(len(x))])
    difference = jnp.abs(rowwise - model(x)).max()
    jax.debug.callback(lambda value: seen.append(float(value)), difference)
    return x

  step_of(pgd_at(compare), Normalized())
  jax.effects_barrier()
  assert seen
  assert max(seen) < 1e-6


def _several(attack, **options):
  return several_attacks({"first": attack, "second": attack}, **options)


@pytest.mark.parametrize("loss", [pgd_at, trades, mart, smooth_adv, _several])
def test_the_change_grows_over_the_warm_up(loss):
  whiten = lambda key, model, x, targets: jnp.ones_like(x)
  no_noise = {"sigma": 0.0, "num_noise": 1} if loss is smooth_adv else {}
  warming = loss(whiten, warmup_steps=4, **no_noise)
  rows = BATCH | {"x": jnp.zeros((6, 2, 2, 1))}
  for step, fraction in enumerate([0.25, 0.5, 0.75, 1, 1]):
    seen = []

    def train(key, x, state=None, seen=seen):
      seen.append(x)
      return _logits(x), {}

    warming(Forward(train, _logits, jnp.int32(step)), rows, KEY)
    np.testing.assert_allclose(seen[-1], fraction, rtol=1e-6)


def _logits(x):
  return x.reshape(len(x), -1)[:, :3]


def test_a_loss_that_is_not_one_number_for_each_example_is_refused():
  with pytest.raises(
    ValueError, match=r"per_example \(6, 3\): expected \(6,\)"
  ):
    step_of(erm(lambda logits, labels: logits))


@pytest.mark.parametrize("ascent", [sam(0.5), asam(0.5), awp(0.5)])
def test_an_ascent_keeps_what_the_first_pass_finds(ascent):
  """The statistics, and the adversarial examples of the parameters there."""

  def climb(key, model, x, targets):
    del key
    loss = lambda x: losses.cross_entropy(model(x), targets).sum()
    return jnp.clip(x + 0.2 * jnp.sign(jax.grad(loss)(x)), 0, 1)

  plain = step_of(pgd_at(climb), Normalized())
  sharp = step_of(pgd_at(climb), Normalized(), gradient=ascent)
  chex.assert_trees_all_close(
    plain[1].model_state, sharp[1].model_state, rtol=1e-6
  )
  start = plain[0]
  frozen = jax.tree_util.Partial(
    Normalized().apply, {"params": start.params, **start.model_state}
  )
  rows = BATCH | {"x": climb(None, frozen, BATCH["x"], BATCH["y"])}
  fixed = step_of(erm(), Normalized(), rows, gradient=ascent)
  chex.assert_trees_all_close(sharp[1], fixed[1], rtol=1e-4, atol=1e-6)


def probabilities_of_copies(loss, scale=1.0):
  """The loss's output for a batch, and the softmax of its logits `[V, B, K]`.

  The logits are those of the copies that the loss trained on, in float64.
  """
  seen = []
  start, _, _ = step_of(erm())
  dense = start.params["Dense_0"]

  def inference(x):
    return scale * (x.reshape(len(x), -1) @ dense["kernel"] + dense["bias"])

  def train(key, x):
    del key
    seen.append(inference(x))
    return seen[0], {}

  out = loss(Forward(train, inference, jnp.int32(0)), BATCH, KEY)
  (logits,) = seen
  logits = np.float64(logits).reshape(-1, 6, 3)
  return out, np.exp(log_softmax(logits, axis=-1))


def of_label(p):
  return p[..., np.arange(6), np.asarray(LABELS)]


def test_gaussian_noise_has_the_standard_deviation_and_is_not_clipped():
  seen = []
  train = lambda key, x: (seen.append(x), (jnp.zeros((len(x), 3)), {}))[1]
  rows = {"x": jnp.zeros((2000, 2)), "y": jnp.zeros(2000, int)}
  gaussian(0.5)(Forward(train, None, 0), rows, KEY)
  assert abs(seen[0].std() - 0.5) < 0.02
  assert (seen[0] < 0).mean() > 0.45


def test_consistency_is_the_divergence_from_the_mean_and_its_entropy():
  loss = consistency(0.5, num_noise=3, weight=5.0, entropy_weight=0.5)
  out, p = probabilities_of_copies(loss)
  q = p.mean(axis=0)
  kl = (q * np.log(q / p)).sum(axis=-1).mean(axis=0)
  expected = -np.log(of_label(p)).mean(axis=0) + 5 * kl
  expected += -0.5 * (q * np.log(q)).sum(axis=-1)
  np.testing.assert_allclose(out.per_example, expected, rtol=1e-5)
  np.testing.assert_allclose(out.outputs, np.log(q), rtol=1e-4, atol=1e-5)


def test_macer_is_the_mean_probability_and_the_missing_radius():
  options = {"weight": 12.0, "beta": 2.0, "gamma": 1.0}
  loss = macer(0.5, num_noise=4, **options)
  out, p = probabilities_of_copies(loss, scale=0.5)
  _, sharp = probabilities_of_copies(loss, scale=1.0)  # beta x scale
  q = np.sort(sharp.mean(axis=0), axis=-1)
  xi = norm.ppf(q[:, -1]) - norm.ppf(q[:, -2])
  right = sharp.mean(axis=0).argmax(axis=-1) == LABELS
  hinge = np.where(right, np.maximum(1.0 - xi, 0), 0)
  assert 0 < np.count_nonzero(hinge) < 6
  expected = -np.log(of_label(p.mean(axis=0))) + 12 * 0.25 * hinge
  np.testing.assert_allclose(out.per_example, expected, rtol=1e-4)


def test_macer_has_a_gradient_where_all_copies_agree_entirely():
  """There the quantile of a probability of 1 is infinite."""
  certain = lambda w: (
    lambda key, x: (
      1e4 * w * jax.nn.one_hot(jnp.tile(LABELS, len(x) // 6), 3),
      {},
    )
  )
  value = lambda w: macer(0.5)(
    Forward(certain(w), None, 0), BATCH, KEY
  ).per_example.sum()
  chex.assert_tree_all_finite(jax.value_and_grad(value)(1.0))


def test_smooth_adv_attacks_the_mean_of_what_it_trains_on():
  """One noise for the attack, all its steps, and the training pass."""
  attacked = []

  def look(key, model, x, targets):
    del key
    attacked.append(-losses.cross_entropy(model(x), targets))
    return x

  out, p = probabilities_of_copies(smooth_adv(look, 0.5, num_noise=4))
  log_mean = np.log(of_label(p.mean(axis=0)))
  np.testing.assert_allclose(attacked[0], log_mean, rtol=1e-5)
  expected = -np.log(of_label(p)).mean(axis=0)
  np.testing.assert_allclose(out.per_example, expected, rtol=1e-5)


def test_smooth_adv_counts_a_pass_for_each_copy():
  attack = attacks.compose(
    search.pgd,
    sets.l2(0.5),
    losses.cross_entropy,
    num_steps=2,
    random_start=False,
    keep="last",
  )
  _, _, report = step_of(smooth_adv(attack, 0.5, num_noise=3))
  assert report["attack_passes"] == 3 * (2 + 2)
  _, _, clean = step_of(smooth_adv(unmoved, 0.5, num_noise=3))
  assert report["loss"] > clean["loss"]


DIGITS_PGD = {"num_steps": 2, "step_size": 0.5, "keep": "last"}


@pytest.mark.parametrize(
  ("loss", "objective", "options"),
  [
    (trades, losses.kl, {}),
    (mart, losses.cross_entropy, {}),
    (trades, losses.kl, {"gradient": sam(0.05)}),
  ],
)
def test_an_epoch_on_the_digits_lowers_the_loss(loss, objective, options):
  attack = attacks.compose(search.pgd, sets.linf(0.1), objective, **DIGITS_PGD)
  task = supervised(
    MLP((32,), 10),
    optax.adam(2e-2),
    loss=loss(attack),
    evaluator=robustness(),
    **options,
  )
  digits = load("digits", "train[:1280]").read(np.arange(1280))
  epoch = {
    "x": np.float32(digits["x"]).reshape(40, 32, 8, 8, 1) / 255,
    "y": digits["y"].reshape(40, 32).astype(np.int32),
    "mask": np.ones((40, 32), np.float32),
  }
  batches = [jax.tree.map(lambda rows, i=i: rows[i], epoch) for i in range(40)]
  state = jax.jit(task.init)(KEY, batches[0])
  step, reports = parallel.simulate_step(task.step, 1), []
  for rows in batches:
    state, report = step(state, (), rows, KEY)
    reports.append(metrics.result(report))
  mean = lambda name, part: np.mean([report[name] for report in part])
  assert mean("loss", reports[-5:]) < 0.8 * mean("loss", reports[:5])
  assert mean("accuracy", reports[-5:]) > mean("accuracy", reports[:5]) + 0.2
