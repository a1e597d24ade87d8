"""Fader networks: an autoencoder whose code is independent of the label."""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from robust_jax import checks, metrics, parallel
from robust_jax.games.player_step import player_step
from robust_jax.games.players import GameState, same_names
from robust_jax.models.autoencoders.fader_autoencoder import FaderAutoencoder
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.models.inference import Autoencoder, inference_fn
from robust_jax.schedules import weight_schedule
from robust_jax.tasks import label_types
from robust_jax.tasks._example import (
  IMAGE_SHAPE,
  NUM_CLASSES,
  Example,
  example_batch,
)
from robust_jax.tasks._state import game_state, initial_state, next_state
from robust_jax.types import Array, Batch, Key, PyTree, State, Task

_PLAYERS = ("autoencoder", "classifier")
_OBJECTIVES = ("confuse", "mislead")


def fader(
  model: FaderAutoencoder,
  optimizers: Mapping[str, optax.GradientTransformation],
  *,
  num_steps: int,
  beta: float,
  schedule: str = "linear",
  objective: str = "confuse",
  classifier_steps: int = 1,
  hidden: tuple[int, ...] = (512,),
  dropout: float = 0.3,
  attributes: Mapping[str, float] | None = None,
  dtype: DTypeLike = jnp.float32,
) -> Task:
  """Fader network: an autoencoder against a classifier of its codes.

      classifier:   minimize  CE(c(E(x)), y)
      autoencoder:  minimize  |D(E(x), y) - x|^2 + b L,  b = beta schedule(step)

  with encoder E, decoder D, and L by `objective`, so that the code becomes
  independent of the label and the decoder has to use the label it is given.

  A step consists of `classifier_steps` moves of the classifier on the codes of
  a batch, then one of the autoencoder on the same images. As in the paper, each
  player sees the other in inference mode: the classifier is trained on codes
  made with running BatchNorm statistics and without dropout, and has no dropout
  while the autoencoder is trained.

  Args:
    model: an autoencoder with the methods `encode` and `decode`, such as
      `FaderAutoencoder`.
    optimizers: the optimizers of the players "autoencoder" and "classifier".
    num_steps: planned length of the run, which the schedule spans.
    beta: final weight of L beside the mean squared error of a pixel in [0, 1].
      With 0 the autoencoder is a plain one, the control of every claim.
    schedule: the growth of the weight, see `robust_jax.schedules`.
    objective: "confuse", where L is minus the classifier's cross-entropy; or
      "mislead", where L is its cross-entropy towards a wrong label, which is
      bounded below: the flipped one of a binary attribute, or a random other
      class.
    classifier_steps: number of moves of the classifier for each of the
      autoencoder.
    hidden: widths of the classifier's hidden layers.
    dropout: dropout rate of these layers.
    attributes: thresholds of attributes that are measured on the images and
      replace the labels of the data, see `label_types.measured`.
    dtype: dtype of the classifier's computation, see `robust_jax.precision`.

  Returns:
    The task. `step` reports "reconstruction" (the mean squared error of a
    pixel), "classifier_loss" and "classifier_accuracy" (of the classifier after
    its moves, on codes of the training pass), "beta" (b), and as "loss" that of
    the autoencoder. `evaluate` reports "reconstruction", "psnr" in dB, and
    "co_trained_accuracy". The latter describes the state of the game and not
    the information left in the code, for which a fresh classifier is needed
    (see `robust_jax.probes`). `deployed` is a `models.inference.Autoencoder`.

  Raises:
    ValueError: an option is out of range or unknown. `init` raises it if images
      or labels do not fit the model.

  Source: Lample et al., "Fader Networks: Manipulating Images by Sliding
  Attributes", 2017, eq. 1 to 3 and section 3.3; "confuse" as in Ganin and
  Lempitsky 2015.

  Deviation: the players share one batch; in the paper each has its own.

  Example:
    >>> import jax, jax.numpy as jnp, optax
    >>> from robust_jax import tasks
    >>> from robust_jax.models import FaderAutoencoder
    >>> optimizers = dict.fromkeys(("autoencoder", "classifier"), optax.sgd(1))
    >>> model = FaderAutoencoder(num_classes=10)
    >>> task = tasks.fader(model, optimizers, num_steps=10, beta=0.1)
    >>> batch = {"x": jnp.ones((8, 28, 28, 1)), "y": jnp.zeros(8, int)}
    >>> state = jax.eval_shape(task.init, jax.random.key(0), batch)
    >>> sorted(state.params)
    ['autoencoder', 'classifier']
  """
  _check(optimizers, beta, objective, hidden)
  weight_schedule(schedule, 0, num_steps)  # raises if there is none
  checks.at_least_one("classifier_steps", classifier_steps)
  checks.non_negative("dropout", dropout)
  checks.at_most("dropout", dropout, 1)
  label_type = _label_type(model, attributes)
  classifier = MLP(hidden, model.num_labels, dropout, dtype)
  problem = _Problem(model, classifier, label_type, objective)
  move_classifier = _move("classifier", _classifier_loss, problem, optimizers)
  move_autoencoder = _move(
    "autoencoder", _autoencoder_loss, problem, optimizers
  )

  def init(key: Key, batch: Batch) -> State:
    y = label_type.of(batch)
    label_type.check(y)
    keys = jax.random.split(key)
    row, label = batch["x"][:1], label_type.vector(y[:1])
    model_state = dict(model.init(keys[0], row, label))
    params = {"autoencoder": model_state.pop("params")}
    code = jnp.zeros((1, model.code_size))
    params["classifier"] = classifier.init(keys[1], code)["params"]
    opt_state = {name: optimizers[name].init(params[name]) for name in _PLAYERS}
    return initial_state(GameState(params, opt_state), model_state)

  def step(state: State, batch: Batch, key: Key):
    key, *keys = jax.random.split(key, 1 + classifier_steps)
    weight = beta * weight_schedule(schedule, state.step, num_steps)
    code = deployed(state).encode(batch["x"])
    game = game_state(state)
    for key_move in keys:
      game, _ = move_classifier(game, code, label_type.of(batch), key_move)
    game, (report, model_state) = move_autoencoder(
      game, state.model_state, batch, weight, key
    )
    return next_state(state, game, model_state), parallel.total(report)

  def evaluate(state: State, batch: Batch, key: Key):
    del key
    x, y, mask = batch["x"], label_type.of(batch), batch["mask"]
    autoencoder = deployed(state)
    code = autoencoder.encode(x)
    error = _squared_error(autoencoder.decode(code, label_type.vector(y)), x)
    logits = _classify(problem, state.params, code)
    correct = label_type.correct(logits, y)
    return {
      "reconstruction": metrics.average(error, mask),
      "co_trained_accuracy": metrics.average(correct, mask),
    }

  def deployed(state: State) -> Autoencoder:
    encode: Callable = inference_fn(model, variables(state), method="encode")
    decode: Callable = inference_fn(model, variables(state), method="decode")
    return Autoencoder(encode, decode)

  def variables(state: State) -> PyTree:
    return {"params": state.params["autoencoder"], **state.model_state}

  return Task(init, step, evaluate, deployed, variables, _summarize)


def example() -> Example:
  """Makes a tiny instance, for the contract tests of all tasks."""
  model = FaderAutoencoder(
    NUM_CLASSES, 0, IMAGE_SHAPE, code_size=2, widths=(4,), decoder_widths=(4,)
  )
  optimizers = dict.fromkeys(_PLAYERS, optax.sgd(0.1))
  task = fader(model, optimizers, num_steps=2, beta=0.1, schedule="constant")
  return Example(task, example_batch())


class _Problem(NamedTuple):
  """Constants of the losses of both players; see `fader`."""

  model: FaderAutoencoder
  classifier: MLP
  label_type: label_types.LabelType
  objective: str


def _move(
  name: str, loss: Callable, problem: _Problem, optimizers: Mapping
) -> Callable:
  own_loss = functools.partial(loss, problem)
  return player_step(name, own_loss, optimizers[name], reduce=parallel.mean)


def _classifier_loss(
  problem: _Problem, params: PyTree, code: Array, y: Array, key: Key
):
  logits = _classify(problem, params, code, train=True, rngs={"dropout": key})
  return problem.label_type.loss(logits, y).mean(), ()


def _autoencoder_loss(
  problem: _Problem,
  params: PyTree,
  model_state: PyTree,
  batch: Batch,
  weight: Array,
  key: Key,
):
  label_type = problem.label_type
  key_dropout, key_wrong = jax.random.split(key)
  x, y, mask = batch["x"], label_type.of(batch), batch["mask"]

  def reconstruct(model):
    code = model.encode(x, train=True)
    return code, model.decode(code, label_type.vector(y), train=True)

  (code, reconstructed), model_state = problem.model.apply(
    {"params": params["autoencoder"], **model_state},
    method=reconstruct,
    mutable=list(model_state),
    rngs={"dropout": key_dropout},
  )
  logits = _classify(problem, params, code)
  error = _squared_error(reconstructed, x)
  classifier_loss = label_type.loss(logits, y)
  if problem.objective == "confuse":
    adversarial = -classifier_loss
  else:
    adversarial = label_type.loss(logits, label_type.wrong(key_wrong, y))
  loss = error + weight * adversarial
  correct = label_type.correct(logits, y)
  return loss.mean(), (
    {
      "loss": metrics.average(loss, mask),
      "reconstruction": metrics.average(error, mask),
      "classifier_loss": metrics.average(classifier_loss, mask),
      "classifier_accuracy": metrics.average(correct, mask),
      "beta": metrics.average(jnp.full_like(mask, weight), mask),
    },
    model_state,
  )


def _classify(
  problem: _Problem, params: PyTree, code: Array, **options
) -> Array:
  variables = {"params": params["classifier"]}
  return cast(Array, problem.classifier.apply(variables, code, **options))


def _label_type(
  model: FaderAutoencoder, attributes: Mapping[str, float] | None
) -> label_types.LabelType:
  if not model.num_attributes:
    if attributes:
      raise ValueError(
        f"attributes = {sorted(attributes)} for a model of classes: give it "
        f"num_attributes = {len(attributes)}."
      )
    return label_types.classes(model.num_classes)
  if not attributes:
    return label_types.attributes(model.num_attributes)
  if len(attributes) != model.num_attributes:
    raise ValueError(
      f"attributes = {sorted(attributes)} for a model of num_attributes = "
      f"{model.num_attributes}: expected as many."
    )
  return label_types.measured(attributes)


def _squared_error(a, b):
  return jnp.square(a - b).reshape(len(a), -1).mean(axis=-1)


def _summarize(values):
  return values | {"psnr": -10 * jnp.log10(values["reconstruction"]).item()}


def _check(optimizers, beta, objective, hidden):
  same_names("optimizers", optimizers, _PLAYERS)
  if not 0 <= beta < float("inf"):
    raise ValueError(f"beta = {beta}: expected a finite number, 0 or more.")
  if objective not in _OBJECTIVES:
    raise ValueError(
      f"no objective named '{objective}': expected one of "
      f"{', '.join(_OBJECTIVES)}."
    )
  if not all(width >= 1 for width in hidden):
    raise ValueError(f"hidden = {tuple(hidden)}: expected widths of 1 or more.")
