"""R3F: the same prediction under random noise of the embeddings."""

from typing import Literal

import jax

from robust_jax import checks, losses
from robust_jax.perturbations.embeddings import at_tokens, zero_embeddings
from robust_jax.training_losses.trades import trades
from robust_jax.types import Key, Model, PyTree, TrainingLoss

_NOISE = {
  "uniform": lambda key, shape: jax.random.uniform(key, shape, minval=-1.0),
  "normal": jax.random.normal,
}


def r3f(
  width: int,
  *,
  scale: float = 1e-5,
  noise: Literal["uniform", "normal"] = "uniform",
  weight: float = 1.0,
) -> TrainingLoss:
  """R3F: the same prediction under random noise of the embeddings.

      per_example = CE(f(x), y) + weight (KL(p || q) + KL(q || p))
      p = softmax f(x),  q = softmax f(x + scale z)

  z is uniform in [-1, 1] or standard normal, added to the embeddings of tokens,
  before positions and normalization, and 0 at padding. There are two training
  passes, each with a dropout mask of its own, and gradients flow through both
  predictions. Divergences are float32. It is `trades` with random noise in
  place of an attack.

  Args:
    width: length of an embedding, the `width` of the model.
    scale: largest noise of a coordinate, or its standard deviation, in units of
      the embeddings.
    noise: its distribution.
    weight: lambda in the paper; 0.7 for RTE in their code, 1 otherwise.

  Returns:
    The loss. Its outputs are the logits without noise; it reports the
    divergence as "kl".

  Raises:
    ValueError: width is below 1, scale or weight negative or the noise another;
      the loss raises it for inputs that are not texts.

  Source: Aghajanyan et al. 2021, "Better fine-tuning by reducing
  representational collapse", and their code for fairseq.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import training_losses
    >>> from robust_jax.types import Forward
    >>> train = lambda key, x, model_state=None: (
    ...   jnp.zeros((1, 2)) + x.get("delta", jnp.zeros((1, 1, 2))).sum(1),
    ...   {},
    ... )
    >>> forward = Forward(train, lambda x: train(None, x)[0], step=0)
    >>> x = {"tokens": jnp.array([[3]]), "mask": jnp.array([[1]])}
    >>> batch = {"x": x, "y": jnp.array([0]), "mask": jnp.ones(1)}
    >>> loss = training_losses.r3f(2, scale=0.0)
    >>> out = loss(forward, batch, jax.random.key(0))
    >>> round(out.per_example.item(), 3)  # without noise, log 2
    0.693
  """
  checks.at_least_one("width", width)
  checks.non_negative("scale", scale)
  if noise not in _NOISE:
    raise ValueError(f"noise = {noise!r}: expected 'uniform' or 'normal'.")

  def noisy(key: Key, model: Model, x: PyTree, targets: PyTree) -> PyTree:
    del model, targets
    checks.text(x)
    z = _NOISE[noise](key, zero_embeddings(x, width).shape)
    return {**x, "delta": scale * at_tokens(x, z)}

  return trades(noisy, beta=weight, divergence=losses.symmetric_kl)
