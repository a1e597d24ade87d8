"""Each planted defect is found by its check, and honest models pass."""

import functools
import json
import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.datasets import load_digits

from robust_jax import losses, perturbations
from robust_jax.attacks.cost import count_model_calls
from robust_jax.gradient_masking import _paired_attacks as paired
from robust_jax.gradient_masking import _verdicts as verdicts
from robust_jax.gradient_masking._budget import budget
from robust_jax.gradient_masking._gradient_free import (
  random_windows,
)
from robust_jax.gradient_masking._probes import (
  Plan,
  Probes,
  evaluate_repeatedly,
  gradients,
  probe,
)
from robust_jax.gradient_masking.audit import masking_checks

KEY = jax.random.key(0)
RADII = (0.05, 0.15, 0.4, 1.0)


@functools.cache
def _digits():
  digits = load_digits()
  images = (digits.images[..., None] / 16).astype(np.float32)
  return images, digits.target


def _test_images(count=60):
  images, labels = _digits()
  return jnp.asarray(images[1500 : 1500 + count]), jnp.asarray(
    labels[1500 : 1500 + count]
  )


@functools.cache
def _class_means():
  images, labels = _digits()
  return np.stack(
    [
      images[:1500][labels[:1500] == k].reshape(-1, 64).mean(0)
      for k in range(10)
    ]
  )


_TRACES = []
# What each knob does at its honest setting: nothing.
HONEST = {
  "levels": 0.0,
  "gradient": 1.0,
  "row_noise": 0.0,
  "scale": 2.0,
  "one_hot": 0.0,
  "softmax": 0.0,
}


def _model(knobs, x):
  """The nearest class mean, a linear model, and the defects of its knobs."""
  _TRACES.append(x.shape)
  steps = jnp.maximum(knobs["levels"] - 1, 1)
  x = jnp.where(knobs["levels"] > 0, jnp.round(x * steps) / steps, x)
  still = jax.lax.stop_gradient(x)
  x = still + knobs["gradient"] * (x - still)
  x = x + knobs["row_noise"] * jax.random.normal(KEY, x.shape)
  means = jnp.asarray(_class_means())
  logits = x.reshape(-1, 64) @ means.T - (means**2).sum(axis=1) / 2
  logits = knobs["scale"] * logits
  one_hot = 10 * jax.nn.one_hot(logits.argmax(axis=1), 10)
  logits = jnp.where(knobs["one_hot"] > 0, one_hot, logits)
  return jnp.where(knobs["softmax"] > 0, jax.nn.softmax(logits), logits)


def _victim(**knobs):
  knobs = {k: jnp.float32(v) for k, v in (HONEST | knobs).items()}
  return jax.tree_util.Partial(_model, knobs)


def _check(**knobs):
  x, labels = _test_images()
  # One structure for all: the first compiles, the others do not.
  found = masking_checks(
    KEY,
    _victim(**knobs),
    x,
    labels,
    perturbations.linf,
    RADII,
    surrogate=_victim(),
  )
  return {finding.name: finding for finding in found}


def _not_ok(found):
  return {k: v.sentence for k, v in found.items() if v.verdict != "ok"}


def test_an_honest_linear_model_passes():
  assert _not_ok(_check()) == {}


def test_an_honest_network_passes():
  # Random convolutions with a least-squares readout: nothing to train.
  images, labels = _digits()
  convolve = nn.Conv(8, (3, 3))
  kernel = convolve.init(jax.random.key(1), images[:1])

  def features(kernel, x):
    x = nn.max_pool(nn.relu(convolve.apply(kernel, x)), (2, 2), (2, 2))
    return x.reshape(len(x), -1)

  known = np.asarray(features(kernel, images[:1500]))
  readout, *_ = np.linalg.lstsq(
    np.vstack([known, np.eye(known.shape[1])]),
    np.vstack([20 * np.eye(10)[labels[:1500]], np.zeros((known.shape[1], 10))]),
  )

  def model(variables, x):
    return features(variables[0], x) @ variables[1]

  logits_fn = jax.tree_util.Partial(model, (kernel, jnp.asarray(readout)))
  found = masking_checks(
    KEY, logits_fn, *_test_images(), perturbations.linf, RADII
  )
  assert _not_ok({finding.name: finding for finding in found}) == {}


BLIND = {"gradient": "fail", "black_box": "fail", "transfer": "fail"}
DEFECTS = {
  "two levels": ({"levels": 2}, BLIND),
  "eight levels": ({"levels": 8}, BLIND),
  "stop_gradient": (
    {"gradient": 0},
    BLIND | {"unbounded": "fail", "derivative": "warning"},
  ),
  "reversed gradient": (
    {"gradient": -1},
    {
      "derivative": "warning",
      "random_draws": "fail",
      "black_box": "fail",
      "unbounded": "fail",
    },
  ),
  "one-hot answers": ({"one_hot": 1}, {"gradient": "fail"}),
  # Searches climb the soft margin, which does not saturate.
  "large logits": (
    {"scale": 2e4},
    {"gradient": "warning", "margin": "ok", "black_box": "ok"},
  ),
  "small logits": (
    {"scale": 2e-8},
    {"gradient": "ok", "objective": "warning", "unbounded": "ok"},
  ),
  "probabilities": ({"softmax": 1}, {"outputs": "warning"}),
  "confident probabilities": (
    {"softmax": 1, "scale": 2e4},
    {"outputs": "warning", "gradient": "fail"},
  ),
  "noise per row": ({"row_noise": 0.5}, {"batch": "fail"}),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_is_found(defect):
  knobs, expected = DEFECTS[defect]
  found = _check(**knobs)
  assert {name: found[name].verdict for name in expected} == expected


def test_defects_are_told_apart():
  assert "margin" in _check(scale=2e4)["gradient"].sentence
  assert "is flat" in _check(scale=2e-8)["objective"].sentence
  assert "BPDA" in _check(gradient=0)["gradient"].sentence
  clean = _check(row_noise=0.5)
  assert clean["repeatable"].verdict == clean["gradient"].verdict == "ok"


def test_other_weights_and_other_radii_compile_nothing():
  _check()
  traces = len(_TRACES)
  _check(levels=3, scale=5.0)
  x, labels = _test_images()
  radii = (0.01, 0.02, 0.03, 1.0)
  masking_checks(
    KEY,
    _victim(),
    x,
    labels,
    perturbations.linf,
    radii,
    surrogate=_victim(scale=1.0),
  )
  assert len(_TRACES) == traces


def test_findings_go_into_a_report_as_they_are():
  found = [f._asdict() for f in _check(gradient=0).values()]
  assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_cost_is_the_one_stated():
  x, labels = _test_images()
  plan = Plan(
    perturbations.linf, losses.cross_entropy, random_windows, 20, 0.25, 2
  )

  def at_every_radius(key, logits_fn, x, labels):
    return probe(
      key, logits_fn, x, labels, jnp.ones(3), None, plan
    ).misclassified

  cost = count_model_calls(at_every_radius, _victim(), x, labels)
  assert cost.backward == 3 * 72
  assert 150 < cost.forward / 3 - 72 < 170


def _asked(logits_fn):
  compiled, x = (
    jax.jit(lambda x: evaluate_repeatedly(logits_fn, x)),
    _test_images()[0],
  )
  return jax.device_get((compiled(x), compiled(x)))


def _linear(x):
  return x.reshape(len(x), -1)[:, :3]


def test_noise_drawn_while_tracing_is_seen():
  source = np.random.default_rng(0)
  asked = _asked(lambda x: _linear(x) + source.normal(size=(len(x), 3)))
  assert verdicts.repeatable(*asked).verdict == "fail"
  assert verdicts.batch(*asked).verdict == "warning"


def test_noise_drawn_while_running_is_seen():
  source = np.random.default_rng(0)

  def noisy(x):
    shape = jax.ShapeDtypeStruct((3,), jnp.float32)
    return _linear(x) + jax.pure_callback(
      lambda: source.normal(size=3).astype(np.float32), shape
    )

  assert verdicts.repeatable(*_asked(noisy)).verdict == "fail"


def test_statistics_of_the_batch_are_seen():
  asked = _asked(lambda x: _linear(x - x.mean(axis=0)))
  assert verdicts.repeatable(*asked).verdict == "ok"
  finding = verdicts.batch(*asked)
  assert finding.verdict == "fail"
  assert finding.measured["predictions_changed"] > 0


def test_rounding_is_no_difference():
  asked, _ = _asked(lambda x: 100 * _linear(x))
  off = asked._replace(reversed_order=asked.first * (1 + 1e-3))
  assert verdicts.batch(off, asked).verdict == "ok"


def test_nan_answers_are_a_failure():
  logits = np.ones((4, 3))
  assert verdicts.outputs(logits).verdict == "ok"
  logits[:, 2] = -np.inf  # a class that is excluded
  assert verdicts.outputs(logits).verdict == "ok"
  logits[2, 1] = np.nan
  finding = verdicts.outputs(logits)
  assert (finding.verdict, finding.measured["not_finite"]) == ("fail", 1)


def test_an_objective_that_does_not_see_success_is_a_failure():
  seen, _ = _rows(0, 40)
  probes = Probes(np.ones(100, bool), {}, None, {}, np.stack([seen, seen]))
  assert verdicts.objective(probes, False).verdict == "ok"
  unseen, _ = _rows(40, 0)
  probes = probes._replace(unseen=np.stack([seen, unseen]))
  assert verdicts.objective(probes, False).verdict == "fail"
  finding = verdicts.objective(probes, True)
  assert (finding.verdict, finding.measured["unseen"]) == ("warning", 40)


def _rows(*counts):
  """Masks of 100 images, the first, next, ... `count` of which are fooled."""
  ends = np.cumsum(counts)
  image = np.arange(100)
  return [
    (image >= end - count) & (image < end)
    for count, end in zip(counts, ends, strict=True)
  ]


@pytest.mark.parametrize(
  ("only_draws", "only_pgd", "verdict"),
  [
    (0, 0, "ok"),
    (1, 0, "ok"),  # one image is an accident
    (2, 0, "warning"),  # worth counting
    (9, 0, "warning"),  # 1 in 512
    (10, 0, "fail"),  # 1 in 1024
    (30, 60, "warning"),  # PGD is the stronger, and yet misses 30
    (60, 30, "warning"),
    (65, 30, "fail"),
  ],
)
def test_two_attacks_are_compared_in_pairs(only_draws, only_pgd, verdict):
  draws, pgd = _rows(only_draws, only_pgd)
  nothing = np.zeros(100, bool)
  fooled = {
    "random_draws": np.stack([nothing, draws]),
    "pgd": np.stack([nothing, pgd]),
  }
  (finding,) = paired.compare_with_baselines(
    Probes(None, {}, None, fooled), (0.1, 1.0)
  )
  assert finding.verdict == verdict
  assert finding.measured["only_weaker"] == only_draws


def test_accuracy_that_rises_with_eps_is_a_failure():
  some, others = _rows(30, 5)
  fooled = {"pgd": np.stack([some, others, some | others])}
  finding = paired.larger_radius(
    Probes(None, {}, None, fooled), (0.1, 0.2, 1.0)
  )
  assert finding.verdict == "fail"
  assert finding.measured["eps"] == 0.1
  assert finding.measured["larger_eps"] == 0.2
  assert finding.measured["accuracy at 0.2"] == 0.95


def test_a_run_that_still_finds_much_has_not_converged():
  early, late = _rows(30, 6)
  fooled = {
    "half_steps": early[None],
    "first_run": (early | late)[None],
    "pgd": (early | late)[None],
  }
  probes = Probes(None, {}, None, fooled)
  assert paired.more_steps(probes, (0.1,)).verdict == "warning"
  assert paired.more_restarts(probes, (0.1,)).verdict == "ok"
  # Found in half the steps and not in all, from the same start.
  fooled["first_run"] = late[None]
  assert paired.more_steps(probes, (0.1,)).verdict == "fail"


@pytest.mark.parametrize(
  ("search", "verdict"),
  [
    ({"name": "pgd"}, "ok"),
    ({"name": "pgd", "num_steps": 10, "step_size": 0.1}, "fail"),
    ({"name": "pgd", "num_steps": 20, "step_size": 0.1}, "ok"),
    (
      {
        "name": "pgd",
        "num_steps": 10,
        "step_size": 0.1,
        "random_start": False,
      },
      "ok",
    ),
    ({"name": "nes", "num_steps": 3, "step_size": 0.1}, "fail"),
    ({"name": "fgsm"}, "ok"),
    ({"name": "fgsm", "step_size": 0.5}, "fail"),
    ({"name": "apgd", "num_steps": 3}, "ok"),
  ],
)
def test_steps_that_cannot_cross_the_set_are_found(search, verdict):
  finding = budget({"mine": search})
  assert finding.verdict == verdict
  assert ("mine moves" in finding.sentence) == (verdict == "fail")
  json.dumps(finding._asdict(), allow_nan=False)


def test_the_checks_look_at_budgets():
  x, labels = _test_images(8)
  findings = masking_checks(
    KEY,
    _victim(),
    x,
    labels,
    perturbations.linf,
    RADII[-2:],
    num_steps=2,
    step_size=0.5,
    searches={"mine": {"name": "pgd", "step_size": 0.001}},
  )
  (finding,) = (f for f in findings if f.name == "budget")
  assert finding.measured == {
    "radii of PGD here": 1.0,
    "radii of mine": pytest.approx(0.04),
  }
  assert "PGD here moves 1 radii in all and may need 2" in finding.sentence


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"radii": (0.1,)}, "two or more"),
    ({"radii": (0.3, 0.1)}, "increasing"),
    ({"restarts": 1}, "restarts = 1: expected 2"),
    ({"num_steps": 1}, "num_steps = 1: expected 2"),
    ({"labels": jnp.full(60, 11)}, "labels from 11"),
  ],
)
def test_what_cannot_be_meant_is_refused(change, message):
  x, labels = _test_images()
  expected = {"labels": labels, "radii": RADII} | change
  with pytest.raises(ValueError, match=message):
    masking_checks(KEY, _victim(), x, make_set=perturbations.linf, **expected)


def test_a_model_that_is_always_wrong_is_refused():
  x, _ = _test_images()
  wrong = (_victim()(x).argmax(axis=1) + 1) % 10
  with pytest.raises(ValueError, match="nothing to attack"):
    masking_checks(
      KEY,
      _victim(),
      x,
      wrong,
      perturbations.linf,
      RADII,
      surrogate=_victim(),
    )


def test_the_gradient_free_search_keeps_to_its_set():
  x = _test_images()[0][:8]
  weights = jax.random.normal(KEY, x.shape)

  def objective(x):
    return (weights * x).sum(axis=(1, 2, 3))

  @jax.jit
  def search_both(key):
    found = []
    for search, pset in (
      (random_windows, perturbations.linf(0.3)),
      (random_windows, perturbations.l2(0.3)),
    ):
      delta, value = search(key, objective, pset, x)
      found.append(
        (
          value - objective(x),
          value - objective(pset.apply(x, delta)),
          delta - pset.project(x, delta),
        )
      )
    return found

  for gain, mismatch, outside in search_both(KEY):
    assert jnp.all(gain > 0)
    np.testing.assert_allclose(mismatch, 0, atol=1e-5)
    np.testing.assert_allclose(outside, 0, atol=1e-6)


def _two_digits():
  """Zeros and ones, and a linear score of margin 8 to 16 on each of them.

  A float32 softmax of such a margin is not saturated, one of bfloat16 is.
  """
  images, labels = _digits()
  means = _class_means()
  direction = (means[1] - means[0]) / np.sum((means[1] - means[0]) ** 2)
  offset = direction @ (means[0] + means[1]) / 2
  x, y = images[labels < 2], labels[labels < 2]
  margin = 24 * np.abs(x.reshape(-1, 64) @ direction - offset)
  chosen = (margin > 8) & (margin < 16)
  weights = jnp.asarray(24 * direction), jnp.float32(24 * offset)
  return weights, jnp.asarray(x[chosen][:40]), jnp.asarray(y[chosen][:40])


def _score(weights, x):
  """Logits of two classes, of which the first is 0."""
  score = x.reshape(len(x), -1) @ weights[0] - weights[1]
  return jnp.stack([0 * score, score], axis=1)


def _probabilities(dtype, weights, x):
  return jax.nn.softmax(_score(weights, x).astype(dtype)).astype(jnp.float32)


def _bfloat16_loss(logits, labels):
  return optax.softmax_cross_entropy_with_integer_labels(
    logits.astype(jnp.bfloat16), labels
  ).astype(jnp.float32)


@pytest.mark.parametrize(
  ("model", "objective", "blind", "cause"),
  [
    (_score, losses.cross_entropy, 0, "Every image"),
    (
      functools.partial(_probabilities, jnp.float32),
      losses.cross_entropy,
      0,
      "Every image",
    ),
    (
      functools.partial(_probabilities, jnp.bfloat16),
      losses.cross_entropy,
      1,
      "of the cross-entropy .*a saturated softmax",
    ),
    (_score, _bfloat16_loss, 1, "of the objective .*Compute it in float32"),
  ],
)
def test_gradients_that_vanish_in_bfloat16_are_noticed(
  model, objective, blind, cause
):
  weights, x, labels = _two_digits()
  # The other class has a probability that bfloat16 keeps, and its gradient.
  blind *= int((labels == 1).sum())
  model = functools.partial(model, weights)
  gradient = verdicts.gradient(
    Probes(
      correct=model(x).argmax(axis=-1) == labels,
      gradients=jax.jit(lambda x: gradients(model, objective, x, labels))(x),
      misled=(),
      misclassified={},
    )
  )
  assert gradient.measured["images"] == len(x)
  assert gradient.measured["surrogate_loss_useless"] == blind
  assert gradient.verdict == ("fail" if blind else "ok")
  assert re.search(cause, gradient.sentence)
