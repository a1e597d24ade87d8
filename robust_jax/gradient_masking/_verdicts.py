"""Verdicts on the measurements, in words, without evaluating the model."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from robust_jax.gradient_masking._probes import Probes, RepeatedOutputs

# Differences of logits, as fractions of the range of the logits.
_SAME_BATCH = 1e-4
_OTHER_BATCH = 1e-2  # other batch sizes round differently, above all bfloat16
# The small entries of gradients below this have underflowed.
_TINY = 1e-30
# Fractions of the images.
_MANY = 0.1
_FEW = 0.01

Verdict = Literal["ok", "warning", "fail"]


class Finding(NamedTuple):
  """Result of one check.

  Attributes:
    name: name of the check.
    verdict: "ok"; "warning", if the sentence should be read before quoting a
      number; "fail", if the accuracy under PGD must not be quoted as
      robustness.
    measured: the numbers behind the verdict, all finite.
    sentence: the observation, its meaning, and the remedy.
  """

  name: str
  verdict: Verdict
  measured: Mapping[str, float]
  sentence: str


def repeatable(outputs: RepeatedOutputs, again: RepeatedOutputs) -> Finding:
  """Checks that the same input gives the same output."""
  others = (outputs.again, again.first)
  gap, changed = _differences(outputs.first, others)
  measured = {"largest_difference": gap, "predictions_changed": changed}
  verdict = _of_difference(gap, changed, _SAME_BATCH)
  if verdict == "ok":
    return Finding("repeatable", verdict, measured, "Outputs are reproducible.")
  return Finding(
    "repeatable",
    verdict,
    measured,
    f"The model is randomized: for the same input its logits differ by "
    f"{gap:.1%} of their range and {changed} predictions change. PGD follows "
    "the gradient of one draw and is evaluated on another. Average the "
    "gradient over several calls (EOT), and the accuracy as well.",
  )


def batch(outputs: RepeatedOutputs, again: RepeatedOutputs) -> Finding:
  """Checks that an output depends on its own image only."""
  noise, _ = _differences(outputs.first, (outputs.again, again.first))
  half = len(outputs.half_batch)
  pairs = (
    _differences(outputs.first, (outputs.reversed_order,)),
    _differences(outputs.first[:half], (outputs.half_batch,)),
  )
  gap, changed = max(pairs)
  measured = {"largest_difference": gap, "predictions_changed": changed}
  if noise > _SAME_BATCH:
    return Finding(
      "batch",
      "warning",
      measured,
      "The outputs are random, so it cannot be determined whether they depend "
      "on the rest of the batch.",
    )
  verdict = _of_difference(gap, changed, _OTHER_BATCH)
  if verdict == "ok":
    sentence = "An output does not depend on the rest of its batch."
    return Finding("batch", verdict, measured, sentence)
  return Finding(
    "batch",
    verdict,
    measured,
    f"Outputs depend on the batch: in another order or another batch size, "
    f"logits differ by {gap:.1%} of their range and {changed} predictions "
    "change. A success in one batch need not hold in another. Use the running "
    "statistics of BatchNorm, and no noise drawn per row.",
  )


def outputs(logits: np.ndarray) -> Finding:
  """Checks that the outputs are finite numbers, and logits."""
  logits = np.asarray(logits, np.float64)
  # -inf excludes a class; NaN and +inf are the largest of a row.
  broken = int((~np.isfinite(logits.max(axis=1))).sum())
  sums_off = float(np.abs(np.nan_to_num(logits.sum(axis=1)) - 1).max())
  in_unit = bool(((logits >= 0) & (logits <= 1)).all())
  probabilities = in_unit and sums_off < 1e-3
  measured = {"not_finite": broken, "are_probabilities": int(probabilities)}
  if broken:
    return Finding(
      "outputs",
      "fail",
      measured,
      f"The model returns NaN or infinity for {broken} of {len(logits)} clean "
      "images; no attack can be evaluated with such outputs.",
    )
  if probabilities:
    return Finding(
      "outputs",
      "warning",
      measured,
      "The model returns probabilities, not logits: the cross-entropy then "
      "takes a softmax of a softmax, its gradient vanishes where the model is "
      "confident, and PGD over-states robustness. Attack the logits.",
    )
  return Finding("outputs", "ok", measured, "The model returns logits.")


def gradient(probes: Probes) -> Finding:
  """Checks that the clean images have usable gradients."""
  correct = probes.correct
  size = {k: np.asarray(v)[correct] for k, v in probes.gradients.items()}
  # NaN compares as False.
  useless = {k: ~(np.isfinite(v) & (v > _TINY)) for k, v in size.items()}
  images = int(correct.sum())
  counts = {k: int(v.sum()) for k, v in useless.items()}
  loss, without_loss = counts["cross_entropy"], counts["margin"]
  stuck = counts["surrogate_loss"]
  cross_entropy = size["cross_entropy"]
  measured = {
    "images": images,
    "cross_entropy_zero": int((cross_entropy == 0).sum()),
    "cross_entropy_not_finite": int((~np.isfinite(cross_entropy)).sum()),
    "cross_entropy_useless": loss,
    "margin_useless": without_loss,
    "surrogate_loss_useless": stuck,
  }
  worst_of_ours = max(loss, without_loss)
  if max(worst_of_ours, stuck) == 0:
    sentence = "Every image has an input gradient."
    return Finding("gradient", "ok", measured, sentence)
  subject, count = "cross-entropy", loss
  if stuck > worst_of_ours:
    subject, count = "objective", stuck
    cause = (
      "Other losses have one, so the objective's arithmetic loses it: in "
      "bfloat16 the probability of the label is 1 from a margin of 8 on. "
      "Compute it in float32."
    )
  elif 2 * without_loss >= loss:
    cause = (
      "The margin's is no better, so a layer blocks it (rounding, argmax, "
      "stop_gradient, an overflow; in bfloat16 a saturated softmax, sigmoid or "
      "tanh). Replace it by a differentiable approximation (BPDA), and attack "
      "without gradients."
    )
  else:
    cause = (
      "The margin's is usable, so the softmax saturates in float32. PGD here "
      "maximizes the soft margin instead; elsewhere maximize the margin or "
      "the DLR loss."
    )
  return Finding(
    "gradient",
    "fail" if max(without_loss, stuck) > _MANY * images else "warning",
    measured,
    f"The input gradient of the {subject} is zero, below {_TINY:g} or not "
    f"finite on {count} of {images} correctly classified images: a search "
    "that follows it is blind there. " + cause,
  )


def objective(probes: Probes, has_surrogate_loss: bool) -> Finding:
  """Checks that the objective in float32 distinguishes success from failure.

  Args:
    probes: the measurements.
    has_surrogate_loss: whether searches maximize a surrogate of the objective.
  """
  unseen = int(np.asarray(probes.unseen).any(axis=0).sum())
  images = int(probes.correct.sum())
  measured = {"images": images, "unseen": unseen}
  if unseen <= _FEW * images:
    sentence = "Where a prediction changes, so does the objective."
    return Finding("objective", "ok", measured, sentence)
  remedy = (
    "PGD here maximizes a surrogate of it and is not affected."
    if has_surrogate_loss
    else "PGD cannot tell success from failure: maximize the margin instead."
  )
  return Finding(
    "objective",
    "warning" if has_surrogate_loss else "fail",
    measured,
    f"The objective is flat: on {unseen} of {images} correctly classified "
    "images the prediction can be changed while the objective has the same "
    "value in float32. The logits are too small or too similar for it, and a "
    f"search that keeps the largest value keeps the clean image. {remedy}",
  )


def derivative(probes: Probes) -> Finding:
  """Checks that the gradient predicts the changes of the outputs."""
  images = len(probes.misled)
  misled = int(probes.misled.sum())
  measured = {"images": images, "misled": misled}
  if misled <= _MANY * images:
    sentence = "Gradients agree with finite differences."
    return Finding("derivative", "ok", measured, sentence)
  return Finding(
    "derivative",
    "warning",
    measured,
    f"On {misled} of {images} images the gradient of the margin explains less "
    "than half of its changes by small random steps: part of the model is "
    "hidden from differentiation (stop_gradient, a custom derivative), random, "
    "or rough at the scale of 0.01. PGD maximizes another function than the "
    "model's.",
  )


def unbounded(probes: Probes, radii: Sequence[float]) -> Finding:
  """Checks that an unbounded attack always succeeds."""
  misclassified = np.asarray(probes.misclassified["pgd"][-1])
  remaining, images = int((~misclassified).sum()), len(misclassified)
  measured = {"eps": float(radii[-1]), "images": images, "remaining": remaining}
  if remaining == 0:
    sentence = "Without a bound PGD succeeds on every image."
    return Finding("unbounded", "ok", measured, sentence)
  return Finding(
    "unbounded",
    "fail" if remaining > _FEW * images else "warning",
    measured,
    f"PGD fails on {remaining} of {images} images at eps = {radii[-1]:g}, "
    "where any image is allowed: the attack does not work on this model, nor "
    "at smaller radii.",
  )


def _differences(first, others):
  """Largest difference relative to the logits' range; changed predictions."""
  values = np.asarray(first, np.float64)
  finite = values[np.isfinite(values)]
  spread = np.ptp(finite) if finite.size else 0.0
  gaps, changed = [], []
  for other in others:
    same = (first == other) | (np.isnan(first) & np.isnan(other))
    with np.errstate(invalid="ignore"):
      gap = np.abs(values - np.asarray(other, np.float64)) / (spread or 1.0)
    gaps.append(np.where(same, 0.0, np.nan_to_num(gap, nan=1.0, posinf=1.0)))
    changed.append((first.argmax(axis=1) != other.argmax(axis=1)).sum())
  return float(np.max(gaps)), int(np.max(changed))


def _of_difference(gap, changed, tolerance):
  if gap <= tolerance:
    return "ok"
  return "fail" if changed else "warning"
