"""The Fader game: who moves, in which direction, and what is left alone."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import losses, metrics, parallel
from robust_jax.models.fader_autoencoder import FaderAutoencoder
from robust_jax.models.mlp import MLP
from robust_jax.tasks.fader import fader
from robust_jax.tasks.label_kinds import attributes, classes

KEY = jax.random.key(0)
RATE = 0.1
# Without dropout a step is a function of its batch alone.
MODEL = FaderAutoencoder(
  num_classes=3,
  image_shape=(4, 8, 1),
  code_size=4,
  widths=(3, 4),
  decoder_widths=(4, 3),
  dropout=0.0,
)
CLASSIFIER = MLP((8,), 3)
SGD = {name: optax.sgd(RATE) for name in ("autoencoder", "classifier")}


def batch(rows=8):
  keys = jax.random.split(KEY)
  return {
    "x": jax.random.uniform(keys[0], (rows, 4, 8, 1)),
    "y": jnp.arange(rows) % 3,
    "mask": jnp.ones(rows),
  }


def make(model=MODEL, optimizers=SGD, **options):
  options = {
    "beta": 0.5,
    "ramp": "constant",
    "num_steps": 10,
    "hidden": (8,),
    "dropout": 0.0,
  } | options
  return fader(model, optimizers, **options)


def start(task, rows=None):
  return jax.jit(task.init)(KEY, rows or batch())


def one_step(task, state, rows=None, devices=1):
  step = parallel.simulate_step(task.step, devices)
  return step(state, (), rows or batch(), KEY)


def train_mode(params, state, x, y):
  """Codes and images of a training step."""
  variables = {"params": params, **state.model_state}

  def both(model):
    code = model.encode(x, train=True)
    return code, model.decode(code, jax.nn.one_hot(y, 3), train=True)

  return MODEL.apply(variables, method=both, mutable=["batch_stats"])


def told(params, code, y):
  """The mean cross-entropy of the classifier."""
  logits = CLASSIFIER.apply({"params": params}, code)
  return losses.cross_entropy(logits, y).mean()


def descended(params, grads):
  return jax.tree.map(lambda p, g: p - RATE * g, params, grads)


def test_without_beta_a_step_is_that_of_a_plain_autoencoder():
  task = make(beta=0.0)
  rows, state = batch(), start(task)

  def loss(params):
    (_, redrawn), model_state = train_mode(params, state, rows["x"], rows["y"])
    return jnp.square(redrawn - rows["x"]).mean(), model_state

  own = state.params["autoencoder"]
  grads, model_state = jax.jit(jax.grad(loss, has_aux=True))(own)
  after, report = one_step(task, state)
  chex.assert_trees_all_close(
    after.params["autoencoder"], descended(own, grads), rtol=1e-5, atol=1e-7
  )
  chex.assert_trees_all_close(after.model_state, dict(model_state), rtol=1e-5)
  report = metrics.result(report)
  assert report["loss"] == report["reconstruction"]


@pytest.mark.parametrize("moves", [1, 2])
def test_the_classifier_descends_on_codes_as_they_are_deployed(moves):
  task = make(classifier_steps=moves)
  rows, state = batch(), start(task)
  variables = {"params": state.params["autoencoder"], **state.model_state}
  code = MODEL.apply(variables, rows["x"], method="encode")
  expected = state.params["classifier"]
  gradient = jax.jit(jax.grad(told))
  for _ in range(moves):
    expected = descended(expected, gradient(expected, code, rows["y"]))
  after, _ = one_step(task, state)
  chex.assert_trees_all_close(
    after.params["classifier"], expected, rtol=1e-5, atol=1e-7
  )


def test_the_classifier_alone_leaves_the_autoencoder_untouched():
  still = SGD | {"autoencoder": optax.set_to_zero()}
  state = start(make(optimizers=still))
  steps = [
    one_step(make(optimizers=still, classifier_steps=k), state)[0]
    for k in (1, 3)
  ]
  for after in steps:
    chex.assert_trees_all_equal(
      after.params["autoencoder"], state.params["autoencoder"]
    )
  # The running statistics advance once a step, by the autoencoder's own pass.
  chex.assert_trees_all_equal(steps[0].model_state, steps[1].model_state)


@pytest.mark.parametrize("objective", ["confuse", "mislead"])
def test_the_encoder_makes_the_classifier_worse(objective):
  # Two classes: a wrong label is the other one.
  rows = batch() | {"y": jnp.arange(8) % 2}
  model = MODEL.clone(num_classes=2)
  still = SGD | {"classifier": optax.set_to_zero()}

  def loss_after(beta):
    task = make(model, still, beta=beta, objective=objective)
    state = start(task, rows)
    after, report = one_step(task, state, rows)
    _, again = one_step(task, after, rows)
    before, then = (metrics.result(r)["classifier_loss"] for r in (report, again))
    return then - before

  assert loss_after(1.0) > max(0.0, loss_after(0.0))


def test_confusion_adds_minus_beta_times_the_gradient_of_the_classifier():
  task = make(beta=0.5, optimizers=SGD | {"classifier": optax.set_to_zero()})
  rows, state = batch(), start(task)

  def loss(params):
    (code, redrawn), _ = train_mode(params, state, rows["x"], rows["y"])
    error = jnp.square(redrawn - rows["x"]).mean()
    return error - 0.5 * told(state.params["classifier"], code, rows["y"])

  own = state.params["autoencoder"]
  after, _ = one_step(task, state)
  chex.assert_trees_all_close(
    after.params["autoencoder"],
    descended(own, jax.jit(jax.grad(loss))(own)),
    rtol=1e-4,
    atol=1e-6,
  )


def test_beta_grows_along_the_ramp():
  task = make(beta=0.5, ramp="linear", num_steps=10)
  state = start(task)
  shown = []
  for _ in range(4):
    state, report = one_step(task, state)
    shown.append(metrics.result(report)["beta"])
  np.testing.assert_allclose(shown, [0, 0.25, 0.5, 0.5], atol=1e-6)


def test_a_wrong_class_is_never_right_and_every_other_is_drawn():
  y = jnp.arange(4000) % 5
  wrong = np.asarray(classes(5).wrong(KEY, y))
  assert not np.any(wrong == y)
  pairs = np.bincount(5 * np.asarray(y) + wrong, minlength=25).reshape(5, 5)
  # 800 of each class over 4 others: 200 +- 12, one standard deviation.
  np.testing.assert_allclose(pairs[~np.eye(5, dtype=bool)], 200, atol=60)


def test_attributes_are_flipped_counted_and_averaged():
  kind = attributes(2)
  y = jnp.array([[0, 1], [1, 1]])
  logits = jnp.array([[-2.0, 3.0], [-1.0, 0.5]])
  np.testing.assert_array_equal(kind.wrong(KEY, y), 1 - y)
  np.testing.assert_array_equal(kind.correct(logits, y), [1.0, 0.5])
  right = np.array([[2.0, 3.0], [-1.0, 0.5]])
  np.testing.assert_allclose(
    kind.loss(logits, y), np.log1p(np.exp(-right)).mean(axis=1), rtol=1e-6
  )


@pytest.mark.parametrize("planes", [False, True])
def test_what_is_drawn_depends_on_the_label_and_on_the_code(planes):
  model = MODEL.clone(label_planes=planes)
  rows, eye = batch(), jnp.eye(3)
  variables = jax.jit(model.init)(KEY, rows["x"], eye[rows["y"]])
  draw = jax.jit(lambda c, v: model.apply(variables, c, v, method="decode"))
  code = jax.random.normal(KEY, (8, 4))
  images = draw(code, eye[rows["y"]])
  assert images.shape == rows["x"].shape
  assert jnp.all((images >= 0) & (images <= 1))
  other = draw(code, eye[(rows["y"] + 1) % 3])
  assert jnp.all(jnp.abs(images - other).max(axis=(1, 2, 3)) > 1e-4)
  assert jnp.all(jnp.abs(images - draw(-code, eye[rows["y"]])).max() > 1e-4)
  inputs = variables["params"]["decoder"]["transposed2"]["kernel"].shape[-2]
  assert inputs == 3 + 3 * planes


def test_the_label_is_told_at_every_layer_with_planes():
  # With the dense layer blind to the label, planes alone still tell it.
  model = MODEL.clone(label_planes=True)
  eye = jnp.eye(3)
  variables = jax.jit(model.init)(KEY, batch()["x"], eye[batch()["y"]])
  dense = variables["params"]["decoder"]["dense"]
  dense["kernel"] = dense["kernel"].at[4:].set(0.0)
  code = jnp.ones((2, 4))
  a, b = (
    model.apply(variables, code, eye[jnp.array([k, k])], method="decode")
    for k in (0, 1)
  )
  assert jnp.abs(a - b).max() > 1e-4


def test_eight_devices_step_as_one_does():
  # Without BatchNorm, whose statistics are of each device's own rows.
  model = MODEL.clone(batch_norm="none")
  task = make(model, classifier_steps=2)
  state = start(task)
  one, eight = (one_step(task, state, devices=n) for n in (1, 8))
  # Sums are taken in another order.
  chex.assert_trees_all_close(one, eight, rtol=1e-4, atol=1e-6)


def test_what_is_deployed_redraws_and_evaluation_says_how_well():
  task = make()
  rows, state = batch(), start(task)
  redrawn = task.deployed(state)(rows["x"], jax.nn.one_hot(rows["y"], 3))
  evaluate = parallel.pmap_evaluate(task.evaluate)
  report = metrics.result(evaluate(state, (), rows, KEY, 0))
  error = float(jnp.square(redrawn - rows["x"]).mean())
  assert report["reconstruction"] == pytest.approx(error, rel=1e-5)
  values = task.summarise({"reconstruction": 0.01, "co_trained_accuracy": 0.5})
  assert values["psnr"] == pytest.approx(20)


def test_attributes_train_too():
  model = MODEL.clone(num_attributes=2)
  rows = batch() | {"y": jnp.stack([jnp.arange(8) % 2, jnp.arange(8) // 4], 1)}
  task = make(model, objective="mislead")
  state = start(task, rows)
  _, report = one_step(task, state, rows)
  assert all(np.isfinite(v) for v in metrics.result(report).values())


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"beta": -1.0}, "beta = -1.0: wanted a finite number, 0 or more"),
    ({"beta": float("nan")}, "beta = nan"),
    ({"objective": "hide"}, "no objective named 'hide'"),
    ({"classifier_steps": 0}, "classifier_steps = 0"),
    ({"hidden": (0,)}, "hidden = "),
    ({"optimizers": {"model": optax.sgd(1)}}, "one for each player"),
    ({"ramp": "steep"}, "no ramp named 'steep'"),
    ({"model": MODEL.clone(num_attributes=2)}, r"wanted \[B, 2\]"),
    ({"model": MODEL.clone(num_classes=1)}, "num_classes = 1: wanted 2"),
    ({"model": MODEL.clone(image_shape=(6, 8, 1))}, "multiples of 4"),
    ({"model": MODEL.clone(image_shape=(8, 8, 1))}, "wanted image_shape"),
  ],
)
def test_what_does_not_fit_is_refused_before_training(options, message):
  with pytest.raises(ValueError, match=message):
    task = make(**options)
    jax.eval_shape(task.init, KEY, batch())


def test_a_label_vector_of_another_length_is_refused():
  variables = jax.eval_shape(
    MODEL.init, KEY, batch()["x"], jax.nn.one_hot(batch()["y"], 3)
  )
  with pytest.raises(ValueError, match=r"wanted \[B, 3\]"):
    jax.eval_shape(
      lambda v: MODEL.apply(
        v, jnp.ones((2, 4)), jnp.ones((2, 2)), method="decode"
      ),
      variables,
    )
