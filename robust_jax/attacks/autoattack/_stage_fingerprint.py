"""Fingerprint of everything that the result of a suite depends on."""

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
  """Digests of everything that the result of `suite.run` depends on, by name.

  Args:
    stages: stages of the suite, with `[N]` values for each example.
    key: key of the run.
    logits_fn: the model, identified by its computation and its parameters.
    x: images `[N, ...]`.
    labels: labels `[N]`.
    batch_size: batch size, which determines the images that share a key.

  Returns:
    a dict for `fingerprint.refuse_other`.
  """
  outputs = jax.eval_shape(logits_fn, x[:1])
  program = functools.partial(_program_of, outputs, key, x[:1], labels[:1])
  precision = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
  parts = {
    "images": fingerprint.of_arrays(x),
    "labels": fingerprint.of_arrays(labels),
    "key": fingerprint.of_arrays(key),
    "model": fingerprint.of_function(logits_fn, x[:1]),
    "batch_size": str(batch_size),
    "precision": str(precision),
    "stages": str([(stage.name, stage.num_rounds) for stage in stages]),
  }
  for number, stage in enumerate(stages):
    parts[f"attack {number} ({stage.name})"] = program(stage)
  for name in {name: None for s in stages for name in s.per_example}:
    values = [stage.per_example.get(name) for stage in stages]
    parts[name] = fingerprint.of_arrays(values)
  return parts


def _program_of(outputs, key, x, labels, stage) -> str:
  """Digest of the computation of a stage, independent of the model."""

  def model(x, *others):
    del others
    mean = x.reshape(len(x), -1).mean(axis=1, keepdims=True)
    return jnp.broadcast_to(mean, (len(x), outputs.shape[1])).astype(
      outputs.dtype
    )

  def attack(key, x, labels, per_example):
    # Attacks take gradients themselves; none is taken of them.
    x, per_example = jax.lax.stop_gradient((x, per_example))
    return stage.attack(key, model, x, labels, x, 0, **per_example)

  first = {name: values[:1] for name, values in stage.per_example.items()}
  return fingerprint.of_function(attack, key, x, labels, first)
