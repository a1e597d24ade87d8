"""From measurements to verdicts in words; nothing here asks a model."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from robust_jax.gradient_masking._probes import Answers, Probes

# Differences of logits, as fractions of the range that the logits take.
_SAME_QUESTION = 1e-4
_OTHER_BATCH = 1e-2  # other batch sizes round otherwise, bfloat16 most of all
# Gradients smaller than this have lost their small entries to underflow.
_TINY = 1e-30
# Fractions of the images.
_MANY = 0.1
_FEW = 0.01


class Finding(NamedTuple):
  """One check's result.

  Attributes:
    name: of the check.
    verdict: "ok"; "warning", read the sentence before quoting a number;
      "fail", the accuracy under PGD is not to be quoted as robustness.
    measured: what the verdict is made of; finite numbers.
    sentence: what was seen, what it means, what to do.
  """

  name: str
  verdict: Literal["ok", "warning", "fail"]
  measured: dict[str, float]
  sentence: str


def repeatable(asked: Answers, asked_again: Answers) -> Finding:
  """Whether the same question gets the same answer."""
  others = (asked.again, asked_again.first)
  gap, changed = _differences(asked.first, others)
  measured = {"largest_difference": gap, "answers_changed": changed}
  verdict = _of_difference(gap, changed, _SAME_QUESTION)
  if verdict == "ok":
    return Finding("repeatable", verdict, measured, "Answers repeat.")
  return Finding(
    "repeatable",
    verdict,
    measured,
    f"The model is randomized: asked the same again, its logits differ by "
    f"{gap:.1%} of their range and {changed} answers change. PGD follows the "
    "gradient of one draw and is judged by another. Average the gradient over "
    "several calls (EOT), and the accuracy too.",
  )


def batch(asked: Answers, asked_again: Answers) -> Finding:
  """Whether an answer depends on its own image only."""
  noise, _ = _differences(asked.first, (asked.again, asked_again.first))
  half = len(asked.half_batch)
  pairs = (
    _differences(asked.first, (asked.reversed_order,)),
    _differences(asked.first[:half], (asked.half_batch,)),
  )
  gap, changed = max(pairs)
  measured = {"largest_difference": gap, "answers_changed": changed}
  if noise > _SAME_QUESTION:
    return Finding(
      "batch",
      "warning",
      measured,
      "The answers are random, so it cannot be told whether they depend on the "
      "rest of the batch.",
    )
  verdict = _of_difference(gap, changed, _OTHER_BATCH)
  if verdict == "ok":
    sentence = "An answer does not depend on the rest of its batch."
    return Finding("batch", verdict, measured, sentence)
  return Finding(
    "batch",
    verdict,
    measured,
    f"Answers depend on the batch: in another order or another size of batch, "
    f"logits differ by {gap:.1%} of their range and {changed} answers change. "
    "Success found in one batch need not hold in another. Use the running "
    "statistics of BatchNorm, and no noise that is drawn per row.",
  )


def outputs(logits: np.ndarray) -> Finding:
  """Whether the model returns finite numbers, and logits."""
  logits = np.asarray(logits, np.float64)
  # -inf may exclude a class; NaN and +inf are the largest of a row.
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
      "images; no attack can be judged by such answers.",
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
  """Whether the clean images have gradients to climb."""
  correct = probes.correct
  size = {k: np.asarray(v)[correct] for k, v in probes.gradients.items()}
  # NaN is not larger than anything.
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
      "Other losses have one, so it is the objective's arithmetic that loses "
      "it: in bfloat16 the probability of the label is 1 from a margin of 8 "
      "on. Compute it in float32."
    )
  elif 2 * without_loss >= loss:
    cause = (
      "The margin's is no better, so a layer passes none on (rounding, argmax, "
      "stop_gradient, an overflow; in bfloat16 a softmax that is saturated, or "
      "a sigmoid or tanh). Put a differentiable stand-in in its "
      "place (BPDA), and attack without gradients."
    )
  else:
    cause = (
      "The margin's is there, so the softmax saturates in float32. PGD here "
      "climbs the soft margin in its place; elsewhere climb the margin or the "
      "DLR loss."
    )
  return Finding(
    "gradient",
    "fail" if max(without_loss, stuck) > _MANY * images else "warning",
    measured,
    f"The input gradient of the {subject} is zero, below {_TINY:g} or not "
    f"finite on {count} of {images} images answered right: a search that "
    "climbs it is blind there. " + cause,
  )


def objective(probes: Probes, has_surrogate_loss: bool) -> Finding:
  """Whether the objective's value, in float32, tells success from failure.

  Args:
    probes: what was measured.
    has_surrogate_loss: whether searches maximize a surrogate of the objective.
  """
  unseen = int(np.asarray(probes.unseen).any(axis=0).sum())
  images = int(probes.correct.sum())
  measured = {"images": images, "unseen": unseen}
  if unseen <= _FEW * images:
    sentence = "Where an answer changes, so does the objective."
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
    f"The objective is flat: on {unseen} of {images} images answered right the "
    "answer can be changed while the objective has the same value in float32. "
    "The logits are too small or too much alike for it, and a search that "
    f"keeps the largest value keeps the clean image. {remedy}",
  )


def derivative(probes: Probes) -> Finding:
  """Whether the gradient says how the answers change."""
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
    f"On {misled} of {images} images most of what small random steps do to the "
    "margin is not what its gradient says: part of the model is hidden from "
    "differentiation (stop_gradient, a custom derivative), random, or rough "
    "at the scale of 0.01. PGD climbs another function than the model's.",
  )


def unbounded(probes: Probes, radii: Sequence[float]) -> Finding:
  """Whether an attack that may do anything always succeeds."""
  fooled = np.asarray(probes.fooled["pgd"][-1])
  left, images = int((~fooled).sum()), len(fooled)
  measured = {"eps": float(radii[-1]), "images": images, "left": left}
  if left == 0:
    sentence = "Without a bound PGD fools every image."
    return Finding("unbounded", "ok", measured, sentence)
  return Finding(
    "unbounded",
    "fail" if left > _FEW * images else "warning",
    measured,
    f"PGD leaves {left} of {images} images standing at eps = {radii[-1]:g}, "
    "where every image is allowed: the attack does not work on this model, at "
    "smaller radii neither.",
  )


def _differences(first, others):
  """Largest difference, as a fraction of the logits' range; answers changed."""
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
