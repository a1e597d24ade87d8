"""The Fader game: who moves, in which direction, and what is left alone."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import losses, metrics, parallel
from robust_jax.models.autoencoders.fader_autoencoder import FaderAutoencoder
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.tasks.fader import fader
from robust_jax.tasks.label_types import attributes, classes, measured

KEY = jax.random.key(0)
RATE = 0.1
# Without dropout a step is a function of its batch alone.
MODEL = FaderAutoencoder(
  num_classes=3,
  image_shape=(4, 6, 1),
  code_size=4,
  widths=(3,),
  decoder_widths=(3,),
  dropout=0.0,
  batch_norm="synchronized",
)
# The same outside of a step, where there are no devices.
ALONE = MODEL.clone(batch_norm="per_device")
CLASSIFIER = MLP((8,), 3)
SGD = {name: optax.sgd(RATE) for name in ("autoencoder", "classifier")}


def batch(rows=8):
  keys = jax.random.split(KEY)
  return {
    "x": jax.random.uniform(keys[0], (rows, 4, 6, 1)),
    "y": jnp.arange(rows) % 3,
    "mask": jnp.ones(rows),
  }


def make(model=MODEL, optimizers=SGD, **options):
  options = {
    "beta": 0.5,
    "schedule": "linear",
    "num_steps": 10,
    "hidden": (8,),
    "dropout": 0.0,
  } | options
  return fader(model, optimizers, **options)


class Run:
  """A task, its step compiled once, and the state that it starts from."""

  def __init__(self, *args, rows=None, devices=1, **options):
    self.task, self.rows = make(*args, **options), rows or batch()
    self.state = jax.jit(self.task.init)(KEY, self.rows)
    self._step = parallel.simulate_step(self.task.step, devices)

  def step(self, state=None):
    return self._step(state or self.state, (), self.rows, KEY)

  def full(self):
    """The start of a run whose schedule is at its top."""
    return self.state._replace(step=jnp.int32(5))


@pytest.fixture(scope="module")
def run():
  return Run()


def train_mode(params, state, x, y):
  """Codes and images of a training step."""
  variables = {"params": params, **state.model_state}

  def both(model):
    code = model.encode(x, train=True)
    return code, model.decode(code, jax.nn.one_hot(y, 3), train=True)

  return ALONE.apply(variables, method=both, mutable=["batch_stats"])


def told(params, code, y):
  """The mean cross-entropy of the classifier."""
  logits = CLASSIFIER.apply({"params": params}, code)
  return losses.cross_entropy(logits, y).mean()


def descended(params, grads):
  return jax.tree.map(lambda p, g: p - RATE * g, params, grads)


def test_without_beta_a_step_is_that_of_a_plain_autoencoder(run):
  rows, state = batch(), run.state  # at step 0 the weight is 0

  def loss(params):
    (_, redrawn), model_state = train_mode(params, state, rows["x"], rows["y"])
    return jnp.square(redrawn - rows["x"]).mean(), model_state

  own = state.params["autoencoder"]
  grads, model_state = jax.jit(jax.grad(loss, has_aux=True))(own)
  after, report = run.step()
  chex.assert_trees_all_close(
    after.params["autoencoder"], descended(own, grads), rtol=1e-5, atol=1e-7
  )
  chex.assert_trees_all_close(after.model_state, dict(model_state), rtol=1e-5)
  report = metrics.result(report)
  assert report["loss"] == report["reconstruction"]


def test_the_classifier_descends_on_codes_as_they_are_deployed(run):
  rows, state = batch(), run.state
  variables = {"params": state.params["autoencoder"], **state.model_state}
  code = MODEL.apply(variables, rows["x"], method="encode")
  own = state.params["classifier"]
  expected = descended(own, jax.grad(told)(own, code, rows["y"]))
  after, _ = run.step()
  chex.assert_trees_all_close(
    after.params["classifier"], expected, rtol=1e-5, atol=1e-7
  )


def test_more_moves_of_the_classifier_leave_the_autoencoder_alone(run):
  # At step 0 the autoencoder does not listen to the classifier.
  one, _ = run.step()
  three, _ = Run(classifier_steps=3).step()
  for part in ("autoencoder", "classifier"):
    same = jax.tree.map(
      # Two programs round differently.
      lambda a, b: bool(jnp.allclose(a, b, rtol=1e-5, atol=1e-6)),
      one.params[part],
      three.params[part],
    )
    assert all(jax.tree.leaves(same)) == (part == "autoencoder")
  # The running statistics advance once a step, by the autoencoder's own pass.
  chex.assert_trees_all_close(
    one.model_state, three.model_state, rtol=1e-5, atol=1e-6
  )


def test_confusion_adds_minus_beta_times_the_gradient_of_the_classifier(run):
  rows, state = batch(), run.full()
  after, _ = run.step(state)
  moved = after.params["classifier"]  # first: the other meets it as it is then

  def loss(params):
    (code, redrawn), _ = train_mode(params, state, rows["x"], rows["y"])
    error = jnp.square(redrawn - rows["x"]).mean()
    return error - 0.5 * told(moved, code, rows["y"])

  own = state.params["autoencoder"]
  chex.assert_trees_all_close(
    after.params["autoencoder"],
    descended(own, jax.jit(jax.grad(loss))(own)),
    rtol=1e-4,  # sums are taken in another order
    atol=1e-6,
  )


def test_misleading_minimizes_the_cross_entropy_of_flipped_attributes():
  rows = batch() | {"y": jnp.stack([jnp.arange(8) % 2, jnp.arange(8) // 4], 1)}
  run = Run(MODEL.clone(num_attributes=2), objective="mislead", rows=rows)
  state = run.full()
  after, report = run.step(state)
  variables = {"params": state.params["autoencoder"], **state.model_state}
  code, _ = ALONE.apply(
    variables, rows["x"], train=True, method="encode", mutable=["batch_stats"]
  )
  logits = MLP((8,), 2).apply({"params": after.params["classifier"]}, code)
  flipped = attributes(2).loss(logits, 1 - rows["y"]).mean()
  report = metrics.result(report)
  assert report["loss"] - report["reconstruction"] == pytest.approx(
    0.5 * float(flipped), rel=1e-4
  )


def test_beta_grows_along_the_schedule(run):
  state, shown = run.state, []
  for _ in range(4):
    state, report = run.step(state)
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


def test_measured_attributes_are_those_above_their_thresholds():
  upright, leaning = np.zeros((2, 5, 5, 1))
  upright[:, 2] = 1
  leaning[np.arange(5), 4 - np.arange(5)] = 1
  kind = measured({"slant": 0.5, "thickness": 0.5})
  y = kind.of({"x": np.stack([upright, leaning])})
  np.testing.assert_array_equal(y, [[0, 1], [1, 1]])


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
  assert jnp.abs(images - draw(-code, eye[rows["y"]])).max() > 1e-4
  inputs = variables["params"]["decoder"]["transposed1"]["kernel"].shape[-2]
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


def test_eight_devices_step_as_one_does(run):
  eight = Run(devices=8)
  # Sums are taken in another order.
  chex.assert_trees_all_close(
    run.step(run.full()), eight.step(eight.full()), rtol=1e-4, atol=1e-6
  )


def test_what_is_deployed_redraws_and_evaluation_says_how_well(run):
  rows, state, task = batch(), run.state, run.task
  labels = jax.nn.one_hot(rows["y"], 3)
  redrawn = task.deployed(state).reconstruct(rows["x"], labels)
  evaluate = parallel.pmap_evaluate(task.evaluate)
  report = metrics.result(evaluate(state, (), rows, KEY, 0))
  error = float(jnp.square(redrawn - rows["x"]).mean())
  assert report["reconstruction"] == pytest.approx(error, rel=1e-5)
  values = task.summarize({"reconstruction": 0.01, "co_trained_accuracy": 0.5})
  assert values["psnr"] == pytest.approx(20)


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"beta": -1.0}, "beta = -1.0: expected a finite number, 0 or more"),
    ({"beta": float("nan")}, "beta = nan"),
    ({"objective": "hide"}, "no objective named 'hide'"),
    ({"classifier_steps": 0}, "classifier_steps = 0"),
    ({"hidden": (0,)}, "hidden = "),
    ({"optimizers": {"model": optax.sgd(1)}}, "one for each player"),
    ({"schedule": "steep"}, "no schedule named 'steep'"),
    ({"model": MODEL.clone(num_attributes=2)}, r"expected \[B, 2\]"),
    ({"attributes": {"slant": 0.1}}, "give it num_attributes = 1"),
    (
      {
        "model": MODEL.clone(num_attributes=2),
        "attributes": {"slant": 0.1},
      },
      "num_attributes = 2: expected as many",
    ),
    (
      {"model": MODEL.clone(num_attributes=1), "attributes": {"tilt": 0.1}},
      "no 'tilt'",
    ),
    ({"model": MODEL.clone(num_classes=1)}, "num_classes = 1: expected 2"),
    ({"model": MODEL.clone(image_shape=(4, 7, 1))}, "multiples of 2"),
    ({"model": MODEL.clone(image_shape=(8, 8, 1))}, "expected image_shape"),
  ],
)
def test_what_does_not_fit_is_refused_before_training(options, message):
  def dry_run():
    jax.eval_shape(make(**options).init, KEY, batch())

  with pytest.raises(ValueError, match=message):
    dry_run()


def test_a_label_vector_of_another_length_is_refused():
  variables = jax.eval_shape(
    MODEL.init, KEY, batch()["x"], jax.nn.one_hot(batch()["y"], 3)
  )
  with pytest.raises(ValueError, match=r"expected \[B, 3\]"):
    jax.eval_shape(
      lambda v: MODEL.apply(
        v, jnp.ones((2, 4)), jnp.ones((2, 2)), method="decode"
      ),
      variables,
    )
