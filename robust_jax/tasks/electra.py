"""ELECTRA: pre-training of a text encoder that detects replaced tokens."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, parallel
from robust_jax.models.inference import inference_fn
from robust_jax.models.text.pretraining import TextEncoder
from robust_jax.models.text.text_transformer import TextTransformer
from robust_jax.tasks._electra_networks import Networks, Round
from robust_jax.tasks._example import Example, example_encoder, example_texts
from robust_jax.tasks._state import apply_gradients
from robust_jax.tasks._token_metrics import (
  averages,
  detection_scores,
  histograms,
  mean_of_tokens,
  ratios,
  sums_of_examples,
)
from robust_jax.types import Array, Batch, Key, Metrics, PyTree, State, Task

_SHARING = ("embeddings", "all", "none")
_OBJECTIVES = ("likelihood", "adversarial")
_DETECTED = ("all", "masked")


def electra(
  model: TextTransformer,
  optimizer: optax.GradientTransformation,
  *,
  generator_size: float = 0.25,
  sharing: str = "embeddings",
  mask_fraction: float = 0.15,
  discriminator_weight: float = 50.0,
  objective: str = "likelihood",
  detected: str = "all",
  first_stage: float = 0.0,
  num_steps: int = 0,
) -> Task:
  """ELECTRA: a discriminator finds tokens that a small generator replaced.

      generator:      minimize  mean over masked t of -log p(x_t | x_masked)
      discriminator:  minimize  mean over all t of BCE(D(x')_t, x'_t != x_t)

  where x' is x with a draw from p(x_t | x_masked) in place of each masked
  token. A draw that is x_t is no replacement. One optimizer minimizes the sum
  of both, the second one weighted; no gradient passes through the draws.

  Of the ordinary tokens of a sequence an exact fraction is masked, without
  replacement; special tokens are never masked and never drawn.

  Args:
    model: the encoder of the discriminator, which is deployed.
    optimizer: an optax transformation, for both networks.
    generator_size: width and number of attention heads of the generator's
      encoder, as a fraction of those of the model.
    sharing: what both encoders share: "embeddings" of tokens and positions,
      "all" parameters, which needs generator_size = 1, or "none".
    mask_fraction: fraction of the tokens that are masked.
    discriminator_weight: weight of the discriminator's loss.
    objective: "likelihood", as above; or "adversarial", where the generator
      maximizes the discriminator's loss at the masked tokens, by REINFORCE.
    detected: the tokens of the discriminator's loss: "all", or the "masked"
      ones.
    first_stage: fraction of the run in which the generator learns alone. After
      it the generator is fixed, and the discriminator starts as a copy of its
      encoder, which needs generator_size = 1, sharing = "none" and objective =
      "likelihood". 0 trains both networks together.
    num_steps: planned length of the run, where there is a first stage.

  Returns:
    The task, for texts without labels. `step` reports "loss"; "masked_loss" and
    "masked_accuracy", of the generator at the masked tokens;
    "discriminator_loss"; and "replaced", the fraction of tokens that are
    replaced. `evaluate` reports the same on held-out data, and "auc",
    "precision" and "recall" of the discriminator among all tokens.
    `deployed` is a `models.text.pretraining.TextEncoder`.

  Raises:
    ValueError: an option is out of range or unknown.

  Source: Clark et al. 2020, "ELECTRA: pre-training text encoders as
  discriminators rather than generators", section 2 and table 5; "adversarial"
  as in appendix F; the first stage as in section 3.2.

  Deviation: every masked token is replaced by "[MASK]", of which their code
  leaves 15 % as they are; the baseline of REINFORCE is the mean over the batch,
  which is a layer's output there.

  Example:
    >>> import jax, jax.numpy as jnp, optax
    >>> from robust_jax import models, tasks
    >>> model = models.TextTransformer(vocabulary_size=9, width=8, depth=1)
    >>> task = tasks.electra(model, optax.adam(1e-3))
    >>> text = {"tokens": jnp.full((2, 6), 7), "mask": jnp.ones((2, 6))}
    >>> batch = {"x": text, "mask": jnp.ones(2)}
    >>> state = jax.eval_shape(task.init, jax.random.key(0), batch)
    >>> sorted(state.params)
    ['detection', 'discriminator', 'generator', 'prediction']
  """
  _check(generator_size, sharing, mask_fraction, discriminator_weight)
  _one_of("sharing", sharing, _SHARING)
  _one_of("objective", objective, _OBJECTIVES)
  _one_of("detected", detected, _DETECTED)
  if first_stage != 0:
    _check_first_stage(
      first_stage, num_steps, generator_size, sharing, objective
    )
  networks = Networks.of(model, generator_size, sharing, mask_fraction)

  def init(key: Key, batch: Batch) -> State:
    params = networks.init(key, batch["x"])
    return State(jnp.zeros((), jnp.int32), params, {}, optimizer.init(params))

  def update(
    state: State, batch: Batch, key: Key, weight: float, detection_weight: float
  ):
    """A step on the losses of generator and discriminator, weighted."""

    def total_loss(params: PyTree) -> tuple[Array, Round]:
      found = networks.play(params, batch, key, train=True)
      where = found.real if detected == "all" else found.selected
      detection = mean_of_tokens(found.detection_loss, where)
      loss = weight * _generator_loss(found, objective)
      return loss + detection_weight * detection, found

    value_and_grad = jax.value_and_grad(total_loss, has_aux=True)
    (loss, found), grads = value_and_grad(state.params)
    after = apply_gradients(state, optimizer, grads, {})
    report = {"loss": (loss, jnp.ones(())), **averages(found.values())}
    return after._replace(step=state.step + 1), parallel.total(report)

  def generator_step(state: State, batch: Batch, key: Key):
    after, report = update(state, batch, key, 1.0, 0.0)
    params = after.params
    copied = {**params, "discriminator": params["generator"]}
    return after._replace(params=copied), report

  def discriminator_step(state: State, batch: Batch, key: Key):
    after, report = update(state, batch, key, 0.0, discriminator_weight)
    # A gradient of 0 is not enough: there are moments and weight decay.
    fixed = {name: state.params[name] for name in ("generator", "prediction")}
    return after._replace(params={**after.params, **fixed}), report

  def step(state: State, batch: Batch, key: Key):
    if first_stage == 0:
      return update(state, batch, key, 1.0, discriminator_weight)
    is_first = state.step < first_stage * num_steps
    steps = (generator_step, discriminator_step)
    return jax.lax.cond(is_first, *steps, state, batch, key)

  def evaluate(state: State, batch: Batch, key: Key) -> Metrics:
    found = networks.play(state.params, batch, key, train=False)
    return sums_of_examples(found.values(), batch["mask"]) | histograms(
      found.logits, found.replaced, found.real, batch["mask"]
    )

  def summarize(values: dict[str, Any]) -> dict[str, float]:
    scores = ratios(values) | detection_scores(values)
    weighted = discriminator_weight * scores["discriminator_loss"]
    return {"loss": scores["masked_loss"] + weighted, **scores}

  def deployed(state: State) -> TextEncoder:
    return TextEncoder(inference_fn(model, variables(state), method="encode"))

  def variables(state: State) -> PyTree:
    return {"params": state.params["discriminator"]}

  return Task(init, step, evaluate, deployed, variables, summarize)


def example() -> Example:
  """Makes a tiny instance, for the contract tests of all tasks."""
  task = electra(example_encoder(), optax.sgd(0.1), generator_size=0.5)
  return Example(task, example_texts())


def _generator_loss(found: Round, objective: str) -> Array:
  chosen = found.selection.chosen
  if objective == "likelihood":
    return mean_of_tokens(found.masked_loss, chosen)
  reward = found.selection.take(jax.lax.stop_gradient(found.detection_loss))
  baseline = parallel.mean(mean_of_tokens(reward, chosen))
  return mean_of_tokens((reward - baseline) * found.drawn_loss, chosen)


def _check(generator_size, sharing, mask_fraction, discriminator_weight):
  checks.positive("generator_size", generator_size)
  checks.positive("mask_fraction", mask_fraction)
  checks.at_most("mask_fraction", mask_fraction, 1.0)
  checks.non_negative("discriminator_weight", discriminator_weight)
  if sharing == "all" and generator_size != 1:
    raise ValueError(
      f"sharing = 'all' with generator_size = {generator_size}: expected 1, "
      "for only networks of one size can share all parameters."
    )


def _check_first_stage(
  first_stage, num_steps, generator_size, sharing, objective
):
  checks.positive("first_stage", first_stage)
  checks.at_most("first_stage", first_stage, 1.0)
  checks.positive("num_steps", num_steps)
  given = (generator_size, sharing, objective)
  if given != (1, "none", "likelihood"):
    raise ValueError(
      f"first_stage = {first_stage} with generator_size = {generator_size}, "
      f"sharing = '{sharing}' and objective = '{objective}': expected 1, "
      "'none' and 'likelihood', for the discriminator starts as a copy of the "
      "generator."
    )


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
  if value not in known:
    raise ValueError(f"{name} = '{value}': expected one of {', '.join(known)}.")
