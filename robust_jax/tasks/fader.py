"""An autoencoder whose code forgets the label, which its decoder is told."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from robust_jax import checks, metrics, parallel
from robust_jax.games.player_step import player_step
from robust_jax.games.players import GameState, same_names
from robust_jax.games.set_schedule_step import set_schedule_step
from robust_jax.models.autoencoders.fader_autoencoder import FaderAutoencoder
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.models.inference import Autoencoder, inference_fn
from robust_jax.schedules import ramp as ramp_at
from robust_jax.tasks import label_types
from robust_jax.tasks._example import (
  IMAGE_SHAPE,
  NUM_CLASSES,
  Example,
  one_domain,
)
from robust_jax.types import Batch, Key, PyTree, State, Task

_PLAYERS = ("autoencoder", "classifier")
_OBJECTIVES = ("confuse", "mislead")


def fader(
  model: FaderAutoencoder,
  optimizers: Mapping[str, optax.GradientTransformation],
  *,
  num_steps: int,
  beta: float,
  ramp: str = "linear",
  objective: str = "confuse",
  classifier_steps: int = 1,
  hidden: tuple[int, ...] = (512,),
  dropout: float = 0.3,
  attributes: Mapping[str, float] | None = None,
  dtype: DTypeLike = jnp.float32,
) -> Task:
  """A game: a classifier reads the label off the code, and is to fail.

  A step is `classifier_steps` moves of the classifier on the codes of a batch,
  then one of the autoencoder on the same images. As in the paper each player
  meets the other as it would be deployed: codes are made with running BatchNorm
  statistics and without dropout while the classifier learns, which therefore
  leaves those statistics alone, and the classifier drops nothing out while the
  autoencoder learns.

  Args:
    model: with methods `encode` and `decode`, as `FaderAutoencoder` has.
    optimizers: of the players "autoencoder" and "classifier".
    num_steps: of the run, which the ramp is stretched over.
    beta: weight, at the top of the ramp, of the classifier beside the mean
      squared error of a pixel in [0, 1]; 0 is a plain autoencoder, the control
      of every claim.
    ramp: how the weight grows, see `ramp`.
    objective: what the autoencoder minimizes with weight beta. "confuse": minus
      the classifier's cross-entropy. "mislead": its cross-entropy towards a
      wrong label, which unlike the other is bounded below: the flipped one of a
      binary attribute, any other class.
    classifier_steps: moves of the classifier for each of the autoencoder.
    hidden: widths of the classifier's hidden layers.
    dropout: of the classifier's hidden layers.
    attributes: measured on the images, instead of labels that come with them,
      see `label_kinds.measured`.
    dtype: that the classifier computes in, see `robust_jax.precision`.

  Returns:
    The task. `step` reports "reconstruction" (the mean squared error of a
    pixel), "classifier_loss" and "classifier_accuracy" of the classifier that
    has just moved, on codes of the training pass, "beta", and as "loss" what
    the autoencoder minimizes. `evaluate` reports
    "reconstruction", "psnr" in dB, and "co_trained_accuracy", which says how
    the game stands and nothing about what is left in the code: ask a fresh
    classifier. `deployed` is a `models.autoencoder.Autoencoder`.

  Raises:
    ValueError: an option is out of range or unknown; from `init`, images or
      labels do not fit the model.

  Source: Lample et al., "Fader Networks: Manipulating Images by Sliding
  Attributes", 2017, eq. 1 to 3 and section 3.3; "confuse" as in Ganin and
  Lempitsky 2015. There each player has a batch of its own; here they share one.
  """
  _check(optimizers, beta, objective, hidden)
  ramp_at(ramp, 0, num_steps)  # an unknown one is refused here
  checks.at_least_one("classifier_steps", classifier_steps)
  checks.non_negative("dropout", dropout)
  checks.at_most("dropout", dropout, 1)
  kind = _kind(model, attributes)
  classifier = MLP(hidden, model.num_labels, dropout, dtype)

  def init(key: Key, batch: Batch) -> State:
    y = kind.of(batch)
    kind.check(y)
    keys = jax.random.split(key)
    row, label = batch["x"][:1], kind.vector(y[:1])
    model_state = dict(model.init(keys[0], row, label))
    params = {"autoencoder": model_state.pop("params")}
    code = jnp.zeros((1, model.code_size))
    params["classifier"] = classifier.init(keys[1], code)["params"]
    opt_state = {name: optimizers[name].init(params[name]) for name in _PLAYERS}
    return State(jnp.zeros((), jnp.int32), params, model_state, opt_state)

  def classify(params, code, **options):
    return classifier.apply({"params": params["classifier"]}, code, **options)

  def classifier_loss(params, code, y, key):
    logits = classify(params, code, train=True, rngs={"dropout": key})
    return kind.loss(logits, y).mean(), ()

  def autoencoder_loss(params, model_state, batch, weight, key):
    key_dropout, key_wrong = jax.random.split(key)
    variables = {"params": params["autoencoder"], **model_state}
    x, y = batch["x"], kind.of(batch)

    def redraw(model):
      code = model.encode(x, train=True)
      return code, model.decode(code, kind.vector(y), train=True)

    (code, redrawn), model_state = model.apply(
      variables,
      method=redraw,
      mutable=list(model_state),
      rngs={"dropout": key_dropout},
    )
    logits = classify(params, code)
    error = _squared_error(redrawn, x)
    told = kind.loss(logits, y)
    if objective == "confuse":
      adversarial = -told
    else:
      adversarial = kind.loss(logits, kind.wrong(key_wrong, y))
    loss = error + weight * adversarial
    return loss.mean(), (
      loss,
      error,
      told,
      kind.correct(logits, y),
      model_state,
    )

  reduce = parallel.mean
  classifier_move = player_step(
    "classifier", classifier_loss, optimizers["classifier"], reduce=reduce
  )
  autoencoder_move = player_step(
    "autoencoder", autoencoder_loss, optimizers["autoencoder"], reduce=reduce
  )

  def step(state: State, batch: Batch, key: Key):
    key, *keys = jax.random.split(key, 1 + classifier_steps)
    weight = beta * ramp_at(ramp, state.step, num_steps)
    code = deployed(state).encode(batch["x"])
    game = GameState(
      state.params, set_schedule_step(state.opt_state, state.step)
    )
    for key_move in keys:
      game, _ = classifier_move(game, code, kind.of(batch), key_move)
    game, (loss, error, told, correct, model_state) = autoencoder_move(
      game, state.model_state, batch, weight, key
    )
    mask = batch["mask"]
    report = {
      "loss": metrics.average(loss, mask),
      "reconstruction": metrics.average(error, mask),
      "classifier_loss": metrics.average(told, mask),
      "classifier_accuracy": metrics.average(correct, mask),
      "beta": metrics.average(jnp.full_like(mask, weight), mask),
    }
    return State(
      step=state.step + 1,
      params=game.params,
      model_state=parallel.mean(model_state),
      opt_state=game.opt_state,
    ), parallel.total(report)

  def evaluate(state: State, batch: Batch, key: Key):
    del key
    x, y, mask = batch["x"], kind.of(batch), batch["mask"]
    autoencoder = deployed(state)
    code = autoencoder.encode(x)
    error = _squared_error(autoencoder.decode(code, kind.vector(y)), x)
    logits = classify(state.params, code)
    return {
      "reconstruction": metrics.average(error, mask),
      "co_trained_accuracy": metrics.average(kind.correct(logits, y), mask),
    }

  def deployed(state: State) -> Autoencoder:
    encode, decode = (
      inference_fn(model, variables(state), method=name)
      for name in ("encode", "decode")
    )
    return Autoencoder(encode, decode)

  def variables(state: State) -> PyTree:
    return {"params": state.params["autoencoder"], **state.model_state}

  return Task(init, step, evaluate, deployed, variables, _summarize)


def example() -> Example:
  """A tiny instance, for the tests of all tasks."""
  model = FaderAutoencoder(
    num_classes=NUM_CLASSES,
    image_shape=IMAGE_SHAPE,
    code_size=2,
    widths=(4,),
    decoder_widths=(4,),
  )
  optimizers = dict.fromkeys(_PLAYERS, optax.sgd(0.1))
  task = fader(model, optimizers, num_steps=2, beta=0.1, ramp="constant")
  return Example(task, one_domain())


def _kind(model, attributes):
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
