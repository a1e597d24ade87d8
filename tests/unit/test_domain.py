"""Domain adaptation: the game it is, and what each method may look at."""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import adaptation, losses, parallel
from robust_jax.data.images import image_dataset
from robust_jax.data.paired_loader import paired_loader
from robust_jax.models.dann.domain_classifier import DomainClassifier
from robust_jax.models.layers import batch_norm
from robust_jax.tasks.adda import PLAYERS, adda
from robust_jax.tasks.domain import domain
from robust_jax.tasks.mcd import mcd

KEY = jax.random.key(0)
RATE, ROWS = 0.1, 6
SGD = optax.sgd(RATE)
THREE = dict.fromkeys(PLAYERS, SGD)
DANN = adaptation.dann(hidden=(4,))


class Net(nn.Module):
  normalized: str = "none"

  def setup(self):
    self.last = nn.Dense(3)

  def __call__(self, x, *, train=False):
    return self.head(self.features(x, train=train), train=train)

  def head(self, h, *, train=False):
    return self.last(h)

  @nn.compact
  def features(self, x, *, train=False):
    x = nn.Dense(5)(x.reshape(len(x), -1))
    return nn.tanh(batch_norm(self.normalized, train=train, name="bn")(x))


def rows(seed, number):
  x = jax.random.uniform(jax.random.key(seed), (ROWS, 2, 2, 1))
  mask, domain = jnp.ones(ROWS), jnp.full(ROWS, number)
  return {"x": x, "mask": mask, "domain": domain}


BATCH = {
  "source": rows(1, 0) | {"y": jnp.arange(ROWS) % 3},
  "target": rows(2, 1),
}


def make(alignment=DANN, model=None, **options):
  options = {"num_steps": 10, "schedule": "constant", "weight": 0.7} | options
  return domain(model or Net(), SGD, alignment=alignment, **options)


def after(task, num_steps=1, batch=BATCH, num_devices=1):
  step = parallel.simulate_step(task.step, num_devices)
  state = jax.jit(task.init)(KEY, batch)
  for _ in range(num_steps):
    state, report = step(state, (), batch, KEY)
  return state, report


def moved(task, batch=BATCH):
  start = jax.jit(task.init)(KEY, batch)
  return jax.tree.map(
    jnp.subtract, after(task, 1, batch)[0].params, start.params
  )


def test_a_reversal_is_the_field_of_the_saddle_point():
  """Both players' gradients, written out (Ganin et al. 2016, 13 to 15)."""
  task = make()
  start = jax.jit(task.init)(KEY, BATCH).params

  def terms(model, adversary):
    apply = lambda x, method: Net().apply({"params": model}, x, method=method)
    seen = [
      apply(BATCH[name]["x"], "features") for name in ("source", "target")
    ]
    label = losses.cross_entropy(
      Net().apply({"params": model}, BATCH["source"]["x"]), BATCH["source"]["y"]
    ).mean()
    told = lambda h, number: losses.cross_entropy(
      DomainClassifier(2, (4,)).apply({"params": adversary}, h),
      jnp.full(ROWS, number),
    ).mean()
    return label, (told(seen[0], 0) + told(seen[1], 1)) / 2

  def saddle(model, adversary):
    label, domains = terms(model, adversary)
    return label - 0.7 * domains

  players = start["model"], start["adversary"]
  field = {
    "model": jax.jit(jax.grad(saddle))(*players),
    "adversary": jax.jit(jax.grad(lambda a: terms(players[0], a)[1]))(
      players[1]
    ),
  }
  expected = jax.tree.map(lambda g: -RATE * g, field)
  chex.assert_trees_all_close(moved(task), expected, atol=1e-6)


def test_reversal_and_descent_ascent_are_one_game():
  reversal, _ = after(make(), 2)
  explicit, _ = after(make(solver="simultaneous"), 2)
  chex.assert_trees_all_close(reversal.params, explicit.params, atol=1e-6)


def test_in_alternation_the_network_meets_the_adversary_that_moved():
  once, alternating = moved(make()), moved(make(solver="alternating"))
  chex.assert_trees_all_close(
    once["adversary"], alternating["adversary"], atol=1e-6
  )
  differences = jax.tree.map(
    lambda a, b: float(jnp.abs(a - b).max()), once, alternating
  )
  # A change of the second order, of what the adversary moved.
  assert 1e-6 < max(jax.tree.leaves(differences["model"])) < 1e-2


def test_without_weight_the_network_learns_the_source_alone():
  alone = moved(make(adaptation.source_only()))
  for alignment in (DANN, adaptation.mmd()):
    beside = moved(make(alignment, weight=0.0))
    chex.assert_trees_all_close(beside["model"], alone["model"], atol=1e-6)


def test_a_warm_start_is_where_every_domains_network_begins():
  doubled = lambda variables: jax.tree.map(lambda leaf: 2 * leaf, variables)
  for options in ({}, {"model": Net("per_device"), "batch_norm": "separate"}):
    cold = make(**options).init(KEY, BATCH)
    warm = make(**options, warm_start=doubled).init(KEY, BATCH)
    chex.assert_trees_all_equal(
      (warm.params["model"], warm.model_state),
      doubled((cold.params["model"], cold.model_state)),
    )


def test_source_only_does_not_look_at_the_target():
  other = BATCH | {"target": BATCH["target"] | {"x": 1 - BATCH["target"]["x"]}}
  task = make(adaptation.source_only())
  chex.assert_trees_all_equal(moved(task), moved(task, other))


def test_labels_of_the_target_never_reach_a_step():
  """The whole way from the dataset: permuted, they change no parameter."""

  def data(seed, labels):
    x = np.random.default_rng(seed).integers(0, 256, (9, 2, 2, 1), np.uint8)
    pairs = lambda indices: [(x[i], int(labels[i])) for i in indices]
    return image_dataset("made up", (2, 2, 1), 3, 9, pairs)

  def trained(target_labels):
    loader = paired_loader(
      [data(0, np.arange(9) % 3)], data(1, target_labels), ROWS, seed=0
    )
    task, stream = make(), loader.indices(0)
    first = loader.decode(loader.device_data, next(stream))
    state = jax.jit(task.init)(KEY, first)
    step = parallel.simulate_step(task.step, 1, loader.decode)
    for _ in range(2):
      state, _ = step(state, loader.device_data, next(stream), KEY)
    return state

  chex.assert_trees_all_equal(
    trained(np.arange(9) % 3), trained(np.arange(9)[::-1] // 3)
  )


def test_class_weights_weigh_each_source_example():
  """Weights of one class alone are the loss on its examples, times fraction."""
  weighed = moved(make(adaptation.source_only(), class_weights=(3.0, 0, 0)))
  only = jnp.where(BATCH["source"]["y"] == 0)[0]
  few = BATCH | {"source": jax.tree.map(lambda v: v[only], BATCH["source"])}
  alone = moved(make(adaptation.source_only()), few)
  chex.assert_trees_all_close(weighed, alone, atol=1e-6)


@pytest.mark.parametrize("name", ["dann", "cdan"])
def test_class_weights_weigh_the_alignment(name):
  """A source with weights of one class alone is that class to the adversary."""
  few = jax.tree.map(lambda v: v[BATCH["source"]["y"] == 0], BATCH["source"])
  options = {"entropy": False} if name == "cdan" else {}
  alignment = getattr(adaptation, name)(**options)
  weighed = moved(make(alignment, class_weights=(3.0, 0, 0)))
  alone = moved(make(alignment), BATCH | {"source": few})
  chex.assert_trees_all_close(weighed, alone, atol=1e-6)


def test_a_ramp_starts_the_network_without_the_adversary():
  scheduled = moved(make(schedule="dann"))
  alone = moved(make(adaptation.source_only()))
  chex.assert_trees_all_close(scheduled["model"], alone["model"], atol=1e-6)


NORMALIZED = Net("per_device")


def test_separate_statistics_undo_what_joint_ones_keep_apart():
  """A target that is the source, scaled: its own statistics normalize it."""
  scaled = BATCH["target"] | {"x": 0.3 * BATCH["source"]["x"] + 0.2}
  batch = BATCH | {"target": scaled}

  def distance(mode):
    task = make(adaptation.mmd(), NORMALIZED, batch_norm=mode, weight=0.0)
    _, report = after(task, 1, batch)
    total, count = report["mmd"]
    return float(total / count)

  assert distance("separate") < 1e-3 < 0.05 < distance("joint")


@pytest.mark.parametrize("mode", ["joint", "separate"])
def test_source_only_has_the_statistics_of_a_method_without_weight(mode):
  """The effect of statistics alone is the control's too, not the method's."""
  alone, beside = (
    after(make(alignment, NORMALIZED, batch_norm=mode, weight=0.0), 2)[0]
    for alignment in (adaptation.source_only(), DANN)
  )
  chex.assert_trees_all_close(
    (alone.params["model"], alone.model_state),
    (beside.params["model"], beside.model_state),
    atol=1e-6,
  )


def test_separate_statistics_are_kept_for_each_domain():
  task = make(adaptation.source_only(), NORMALIZED, batch_norm="separate")
  state, _ = after(task)
  ours, theirs = (state.model_state[k] for k in ("source", "target"))
  assert not np.allclose(*(jax.tree.leaves(s)[0] for s in (ours, theirs)))
  network = task.deployed(state)
  x = BATCH["source"]["x"]
  assert not np.allclose(network.source(x), network.target(x))
  np.testing.assert_array_equal(network(x), network.target(x))


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"solver": "newton"}, "solver = 'newton': expected one of reversal"),
    ({"weight": -1.0}, "weight"),
    ({"schedule": "sine"}, "no schedule named 'sine'"),
    ({"batch_norm": "joint"}, "the model has no BatchNorm"),
    ({"batch_norm": "batch"}, "'batch': expected one of none, joint, separate"),
    ({"model": NORMALIZED}, "the model has BatchNorm, but"),
    (
      {"class_weights": (1.0, 1.0)},
      "class_weights are 2: expected one for each",
    ),
    ({"class_weights": (1.0, -1.0, 1.0)}, "class_weights = .*: expected 0 or"),
  ],
)
def test_what_does_not_fit_is_refused(options, message):
  with pytest.raises(ValueError, match=message):
    jax.eval_shape(
      lambda: parallel.simulate_step(make(**options).step, 1)(
        make(**options).init(KEY, BATCH), (), BATCH, KEY
      )
    )


def test_adda_learns_the_source_and_then_holds_it():
  task = adda(
    Net(), THREE, alignment=DANN, num_steps=2, pretrained_fraction=0.5
  )
  start = jax.jit(task.init)(KEY, BATCH).params
  first, second = (after(task, n)[0].params for n in (1, 2))
  alone = moved(make(adaptation.source_only()))["model"]
  chex.assert_trees_all_close(
    jax.tree.map(jnp.subtract, first["source"], start["source"]),
    alone,
    atol=1e-6,
  )
  chex.assert_trees_all_equal(first["adversary"], start["adversary"])
  encoder = {name: first["source"][name] for name in first["target"]}
  chex.assert_trees_all_equal(first["target"], encoder)
  chex.assert_trees_all_equal(second["source"], first["source"])
  chex.assert_trees_all_equal_comparator(
    lambda a, b: bool((a != b).any()),
    lambda a, b: "not moved",
    *({k: p[k] for k in ("adversary", "target")} for p in (first, second)),
  )


def test_addas_encoder_waits_for_the_adversary_to_warm_up():
  task = adda(
    Net(),
    THREE,
    alignment=DANN,
    num_steps=4,
    pretrained_fraction=0.25,
    warm_up_fraction=0.5,
  )
  learned, warm, played = (after(task, n)[0].params for n in (1, 3, 4))
  chex.assert_trees_all_equal(warm["target"], learned["target"])
  for early, late, player in (
    (learned, warm, "adversary"),
    (warm, played, "target"),
  ):
    differences = jax.tree.map(jnp.subtract, late[player], early[player])
    assert optax.tree.norm(differences) > 1e-4


def test_adda_flips_labels():
  """The encoder's move makes the target look more like the source."""
  task = adda(
    Net(), THREE, alignment=DANN, num_steps=100, pretrained_fraction=0.01
  )
  before, later = (after(task, n)[0] for n in (2, 3))

  def taken_for_source(encoder):
    whole = {**before.params["source"], **encoder}
    h = Net().apply({"params": whole}, BATCH["target"]["x"], method="features")
    logits = DomainClassifier(2, (4,)).apply(
      {"params": later.params["adversary"]}, h
    )
    return losses.cross_entropy(logits, jnp.zeros(ROWS, jnp.int32)).mean()

  losses_ = [taken_for_source(s.params["target"]) for s in (before, later)]
  assert losses_[1] < losses_[0]


@pytest.mark.parametrize(
  ("options", "message"),
  [
    (
      {"optimizers": {"source": SGD}},
      r"optimizers of \['source'\]: expected one for each player",
    ),
    (
      {"pretrained_fraction": 1.0},
      "pretrained_fraction = 1.0 and warm_up_fraction = 0.0: expected fracti",
    ),
    (
      {"alignment": adaptation.mmd()},
      "has no adversary: expected one that has",
    ),
    ({"batch_norm": "joint"}, "'joint': expected 'separate'"),
  ],
)
def test_adda_refuses_what_does_not_fit(options, message):
  known = {
    "optimizers": THREE,
    "alignment": DANN,
    "num_steps": 4,
  }
  with pytest.raises(ValueError, match=message):
    adda(Net(), **known | options)


def test_mcd_sets_heads_against_each_other_and_features_make_peace():
  """More updates of the features leave a smaller discrepancy."""

  def discrepancy(state):
    params = state.params
    whole = lambda head: {**params["features"], **params["heads"][head]}
    first, second = (
      jax.nn.softmax(Net().apply({"params": whole(h)}, BATCH["target"]["x"]))
      for h in ("first", "second")
    )
    return float(jnp.abs(first - second).mean())

  few, many = (
    after(mcd(Net(), optax.sgd(0.3), num_updates=n))[0] for n in (1, 4)
  )
  chex.assert_trees_all_equal(few.params["heads"], many.params["heads"])
  assert discrepancy(many) < discrepancy(few)


def test_mcd_answers_by_the_mean_of_both_heads():
  task = mcd(Net(), SGD)
  state, _ = after(task)
  params = state.params
  x = BATCH["target"]["x"]
  each = [
    Net().apply({"params": {**params["features"], **params["heads"][h]}}, x)
    for h in ("first", "second")
  ]
  np.testing.assert_allclose(
    task.deployed(state)(x), sum(each) / 2, rtol=1e-5, atol=1e-6
  )


def test_mcds_heads_move_apart_while_they_stay_right():
  """Steps A and B, written out; C moves the features alone."""
  task = mcd(Net(), SGD, num_updates=1)
  start = jax.jit(task.init)(KEY, BATCH).params

  def answers(params, name):
    return [
      Net().apply({"params": params["features"] | head}, BATCH[name]["x"])
      for head in params["heads"].values()
    ]

  def wrong(params):
    labels = BATCH["source"]["y"]
    each = [losses.cross_entropy(a, labels) for a in answers(params, "source")]
    return sum(each).mean()

  def wrong_or_alike(heads, params):
    params = params | {"heads": heads}
    first, second = map(jax.nn.softmax, answers(params, "target"))
    return wrong(params) - jnp.abs(first - second).mean()

  down = lambda p, g: p - RATE * g
  learned = jax.tree.map(down, start, jax.jit(jax.grad(wrong))(start))
  apart = jax.jit(jax.grad(wrong_or_alike))(learned["heads"], learned)
  chex.assert_trees_all_close(
    after(task)[0].params["heads"],
    jax.tree.map(down, learned["heads"], apart),
    atol=1e-6,
  )


TASKS = {
  "coral": make(adaptation.coral()),
  "mcd": mcd(Net(), SGD),
  "adda": adda(Net(), THREE, alignment=DANN, num_steps=2),
  "reversal": make(),
  "extragradient": make(solver="extragradient"),
}


@pytest.mark.parametrize("name", TASKS)
def test_devices_fraction_a_step(name):
  one, three = (after(TASKS[name], 2, num_devices=n)[0].params for n in (1, 3))
  chex.assert_trees_all_close(one, three, atol=1e-6)


@pytest.mark.parametrize("name", ["mcd", "adda", "extragradient"])
def test_schedules_end_with_the_run(name):
  """A rate that is 0 from half of the run on, however often players move."""
  num_steps, most_moves = 40, 5
  rate = optax.sgd(lambda count: jnp.where(count < num_steps // 2, RATE, 0.0))
  options = {"num_steps": num_steps, "alignment": DANN}
  task = {
    "mcd": lambda: mcd(Net(), rate, num_updates=4),
    "adda": lambda: adda(Net(), dict.fromkeys(PLAYERS, rate), **options),
    "extragradient": lambda: domain(Net(), rate, solver=name, **options),
  }[name]()
  # Each player of ADDA has half of a run, and stops in the middle of that.
  middle = num_steps // 4 if name == "adda" else num_steps // 2
  step = parallel.simulate_step(task.step, 1)
  states = [jax.jit(task.init)(KEY, BATCH)]
  for _ in range(middle + 3):
    states.append(step(states[-1], (), BATCH, KEY)[0])
  moves = lambda n: optax.tree.norm(
    jax.tree.map(jnp.subtract, states[n + 1].params, states[n].params)
  )
  assert moves(middle - most_moves) > 0
  assert moves(middle) == moves(middle + 1) == 0
