"""What the result of attacks in a row depends on, for who resumes them."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import fingerprint
from robust_jax.types import Key, Model


def stage_fingerprint(
  stages: Sequence[Any],
  key: Key,
  logits_fn: Model,
  x: np.ndarray,
  labels: np.ndarray,
  batch_size: int,
) -> dict[str, str]:
  """All that the result of `suite.run` depends on, by name.

  Args:
    stages: of the suite, with `[N]` values for each example.
    key: of the run.
    logits_fn: the model; known by what it computes and with which parameters.
    x: images `[N, ...]`.
    labels: `[N]`.
    batch_size: decides which images are packed together, and share a key.

  Returns:
    what `identity.refuse_other` compares.
  """
  answer = jax.eval_shape(logits_fn, x[:1])
  program = functools.partial(_program_of, answer, key, x[:1], labels[:1])
  parts = {
    "images": fingerprint.of_arrays(x),
    "labels": fingerprint.of_arrays(labels),
    "key": fingerprint.of_arrays(key),
    "model": fingerprint.of_function(logits_fn, x[:1]),
    "batch_size": str(batch_size),
    "precision": str(jax.config.jax_default_matmul_precision),
    "stages": str([(stage.name, stage.num_rounds) for stage in stages]),
  }
  for number, stage in enumerate(stages):
    parts[f"attack {number} ({stage.name})"] = program(stage)
  for name in {name: None for s in stages for name in s.per_example}:
    values = [stage.per_example.get(name) for stage in stages]
    parts[name] = fingerprint.of_arrays(values)
  return parts


def _program_of(answer, key, x, labels, stage) -> str:
  """Digest of what a stage computes, whatever the model that it is given."""

  def model(x, *others):
    del others
    mean = x.reshape(len(x), -1).mean(axis=1, keepdims=True)
    return jnp.broadcast_to(mean, (len(x), answer.shape[1])).astype(
      answer.dtype
    )

  def attack(key, x, labels, per_example):
    # Attacks take gradients themselves; none is taken of them.
    x, per_example = jax.lax.stop_gradient((x, per_example))
    return stage.attack(key, model, x, labels, x, 0, **per_example)

  first = {name: values[:1] for name, values in stage.per_example.items()}
  return fingerprint.of_function(attack, key, x, labels, first)
