"""Masked language model: pre-training of a text encoder, as in BERT."""

import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, parallel
from robust_jax.models.inference import inference_fn
from robust_jax.models.text.pretraining import TextEncoder
from robust_jax.models.text.text_transformer import TextTransformer
from robust_jax.tasks._example import Example, example_encoder, example_texts
from robust_jax.tasks._masked_tokens import (
  Predictor,
  negative_log_likelihood,
  select,
)
from robust_jax.tasks._state import apply_gradients
from robust_jax.tasks._token_metrics import (
  TokenValues,
  averages,
  mean_of_tokens,
  ratios,
  sums_of_examples,
)
from robust_jax.types import Array, Batch, Key, Metrics, PyTree, State, Task


def masked_language_model(
  model: TextTransformer,
  optimizer: optax.GradientTransformation,
  *,
  mask_fraction: float = 0.15,
) -> Task:
  """Masked language model (MLM): predict masked tokens from the others.

      minimize  mean over masked t of -log p(x_t | x_masked)

  It is the generator of `electra` at full size, and the control of it: the
  encoder, the masking and the softmax, tied to the embeddings, are the same.

  Args:
    model: the encoder, which is deployed.
    optimizer: an optax transformation.
    mask_fraction: fraction of the tokens that are masked, see `electra`.

  Returns:
    The task, for texts without labels. `step` and `evaluate` report "loss" and
    "masked_accuracy", the fraction of masked tokens that are the likeliest.
    `deployed` is a `models.text.pretraining.TextEncoder`.

  Raises:
    ValueError: mask_fraction is not above 0 and at most 1.

  Source: Devlin et al. 2019, "BERT: pre-training of deep bidirectional
  transformers for language understanding", section 3.1, task 1.

  Deviation: every masked token is replaced by "[MASK]", of which BERT replaces
  10 % by random tokens and leaves 10 %; there is no second sentence.

  Example:
    >>> import jax, jax.numpy as jnp, optax
    >>> from robust_jax import models, tasks
    >>> model = models.TextTransformer(vocabulary_size=9, width=8, depth=1)
    >>> task = tasks.masked_language_model(model, optax.adam(1e-3))
    >>> text = {"tokens": jnp.full((2, 6), 7), "mask": jnp.ones((2, 6))}
    >>> batch = {"x": text, "mask": jnp.ones(2)}
    >>> state = jax.eval_shape(task.init, jax.random.key(0), batch)
    >>> sorted(state.params)
    ['encoder', 'prediction']
  """
  checks.positive("mask_fraction", mask_fraction)
  checks.at_most("mask_fraction", mask_fraction, 1.0)
  predictor = Predictor.of(model)

  def init(key: Key, batch: Batch) -> State:
    encoder, prediction = predictor.init(key, batch["x"])
    params = {"encoder": encoder, "prediction": prediction}
    return State(jnp.zeros((), jnp.int32), params, {}, optimizer.init(params))

  def predict(params: PyTree, batch: Batch, key: Key, train: bool):
    x, keys = batch["x"], jax.random.split(key)
    real = x["mask"] * batch["mask"][:, None]
    selection = select(keys[0], x["tokens"], real, mask_fraction)
    logits = predictor(
      params["encoder"],
      params["prediction"],
      x,
      selection,
      keys[1] if train else None,
    )
    masked, chosen = selection.take(x["tokens"]), selection.chosen
    values: TokenValues = {
      "loss": (negative_log_likelihood(logits, masked), chosen),
      "masked_accuracy": (logits.argmax(axis=-1) == masked, chosen),
    }
    return values

  def step(state: State, batch: Batch, key: Key):
    def mean_loss(params: PyTree) -> tuple[Array, TokenValues]:
      values = predict(params, batch, key, train=True)
      return mean_of_tokens(*values["loss"]), values

    grads, values = jax.grad(mean_loss, has_aux=True)(state.params)
    after = apply_gradients(state, optimizer, grads, {})
    report = parallel.total(averages(values))
    return after._replace(step=state.step + 1), report

  def evaluate(state: State, batch: Batch, key: Key) -> Metrics:
    values = predict(state.params, batch, key, train=False)
    return sums_of_examples(values, batch["mask"])

  def deployed(state: State) -> TextEncoder:
    return TextEncoder(inference_fn(model, variables(state), method="encode"))

  def variables(state: State) -> PyTree:
    return {"params": state.params["encoder"]}

  return Task(init, step, evaluate, deployed, variables, ratios)


def example() -> Example:
  """Makes a tiny instance, for the contract tests of all tasks."""
  task = masked_language_model(example_encoder(), optax.sgd(0.1))
  return Example(task, example_texts())
