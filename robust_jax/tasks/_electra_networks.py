"""The two networks of ELECTRA, and what they make of a batch."""

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import optax

from robust_jax.models.text.pretraining import ReplacementHead
from robust_jax.models.text.text_transformer import TextTransformer
from robust_jax.tasks._masked_tokens import (
  Predictor,
  Selection,
  encode,
  init_encoder,
  negative_log_likelihood,
  select,
)
from robust_jax.tasks._token_metrics import TokenValues
from robust_jax.types import Array, Batch, Key, PyTree

_HEAD = ReplacementHead()


class Round(NamedTuple):
  """The outcome of both networks on a batch.

  Attributes:
    selection: the masked tokens.
    masked_loss: negative log likelihood `[B, M]` of these.
    masked_accuracy: `[B, M]` bool, whether these are the likeliest.
    drawn_loss: negative log likelihood `[B, M]` of what was drawn instead.
    seen: `[B, T]`, the tokens that the discriminator sees.
    replaced: `[B, T]` bool, where these are not the original ones.
    real: `[B, T]`, 1 at tokens and 0 at padding.
    logits: `[B, T]` of the discriminator, above 0 for replaced tokens.
  """

  selection: Selection
  masked_loss: Array
  masked_accuracy: Array
  drawn_loss: Array
  seen: Array
  replaced: Array
  real: Array
  logits: Array

  @property
  def detection_loss(self) -> Array:
    """Cross-entropy `[B, T]` of the discriminator."""
    return optax.sigmoid_binary_cross_entropy(self.logits, self.replaced)

  @property
  def selected(self) -> Array:
    """`[B, T]`, 1 at masked tokens."""
    return self.selection.put(jnp.zeros_like(self.real), 1)

  def values(self) -> TokenValues:
    """The values that are averaged in reports."""
    return {
      "masked_loss": (self.masked_loss, self.selection.chosen),
      "masked_accuracy": (self.masked_accuracy, self.selection.chosen),
      "discriminator_loss": (self.detection_loss, self.real),
      "replaced": (self.replaced, self.real),
    }


class Networks(NamedTuple):
  """The generator and the discriminator; see `electra`."""

  generator: Predictor
  discriminator: TextTransformer
  sharing: str
  mask_fraction: float

  @classmethod
  def of(
    cls,
    model: TextTransformer,
    generator_size: float,
    sharing: str,
    mask_fraction: float,
  ) -> "Networks":
    """Makes the networks of the options of `electra`."""
    # The heads of both are equally wide.
    num_heads = max(1, round(generator_size * model.num_heads))
    generator = model.clone(
      width=num_heads * (model.width // model.num_heads),
      num_heads=num_heads,
      embedding_width=model.embedding_size,
    )
    return cls(Predictor.of(generator), model, sharing, mask_fraction)

  def init(self, key: Key, x: PyTree) -> PyTree:
    """Makes the parameters of both networks and their heads."""
    keys = jax.random.split(key, 3)
    own, prediction = self.generator.init(keys[0], x)
    discriminator = init_encoder(self.discriminator, keys[1], x)
    h = jnp.zeros((1, self.discriminator.width))
    return {
      "generator": {k: v for k, v in own.items() if not self._is_shared(k)},
      "prediction": prediction,
      "discriminator": discriminator,
      "detection": _HEAD.init(keys[2], h)["params"],
    }

  def play(
    self, params: PyTree, batch: Batch, key: Key, *, train: bool
  ) -> Round:
    """The generator replaces tokens, and the discriminator looks for them."""
    x, keys = batch["x"], jax.random.split(key, 4)
    real = (x["mask"] > 0) * batch["mask"][:, None]
    selection = select(keys[0], x["tokens"], real, self.mask_fraction)
    logits = self.generator(
      self._generator(params),
      params["prediction"],
      x,
      selection,
      keys[1] if train else None,
    )
    drawn = jax.random.categorical(keys[2], jax.lax.stop_gradient(logits))
    seen = selection.put(x["tokens"], drawn)
    h = encode(
      self.discriminator,
      params["discriminator"],
      {**x, "tokens": seen},
      keys[3] if train else None,
    )
    masked = selection.take(x["tokens"])
    return Round(
      selection,
      negative_log_likelihood(logits, masked),
      logits.argmax(axis=-1) == masked,
      negative_log_likelihood(logits, drawn),
      seen,
      seen != x["tokens"],
      real,
      cast(Array, _HEAD.apply({"params": params["detection"]}, h)),
    )

  def _generator(self, params: PyTree) -> PyTree:
    """The parameters of the generator's encoder, shared ones included."""
    shared = {
      k: v for k, v in params["discriminator"].items() if self._is_shared(k)
    }
    return params["generator"] | shared

  def _is_shared(self, name: str) -> bool:
    if self.sharing == "embeddings":
      return name in ("embeddings", "positions")
    return self.sharing == "all"
