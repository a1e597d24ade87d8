"""Pseudo-labels of unlabeled images, for robust self-training.

  python -m experiments.studies.pseudo_labels --workdir=runs/cifar10_standard \\
      --images=tinyimages.npz --out=pseudo_labeled.npz
  ./launch.sh train --config=experiments/configs/adversarial/cifar10_pgd.py \\
      --config.data.extra.file=pseudo_labeled.npz \\
      --config.data.extra.fraction=0.5

The first command writes `images`, the `labels` that a trained model predicts
for them, and the `confidence` of each prediction. The second one trains on
batches of which half are such images (Carmon et al. 2019, "Unlabeled Data
Improves Adversarial Robustness"). The labeling model should be trained without
attacks, because its labels are more accurate.
"""

import pathlib

import numpy as np
from absl import flags
from jax.nn import softmax

from experiments.build.imports import define_flag
from experiments.cli.parse_flags import parse_options
from experiments.cli.run_command import run_command
from experiments.load_run import load_run
from robust_jax import precision
from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.data.readers.load_npz import load_npz
from robust_jax.files import atomic_write
from robust_jax.types import Model


@precision.evaluation()
def main(arguments: list[str] | None = None) -> int:
  """Runs the command; returns the exit status."""
  options = parse_options(_flags(), arguments, __doc__)
  model = load_run(
    pathlib.Path(options.workdir), "best", options.allow_imports
  ).classifier()
  arrays = load_npz(options.images)
  if "images" not in arrays:
    raise ValueError(
      f"{options.images} has {list(arrays)}: expected 'images' in it."
    )
  labeled = pseudo_labels(model, arrays["images"], options.min_confidence)
  with atomic_write(pathlib.Path(options.out)) as new:
    np.savez_compressed(
      new,
      images=labeled["images"],
      labels=labeled["labels"],
      confidence=labeled["confidence"],
    )
  print(f"{options.out}: {len(labeled['labels'])} images")
  return 0


def pseudo_labels(
  model: Model, images: np.ndarray, min_confidence: float = 0.0
) -> dict[str, np.ndarray]:
  """Predicts labels of images, and drops those of low confidence.

  Args:
    model: a frozen classifier.
    images: uint8 `[N, H, W, C]`.
    min_confidence: the smallest probability of the predicted class; images
      below it are dropped.

  Returns:
    "images" uint8 `[M, H, W, C]`, "labels" int32 `[M]`, "confidence" `[M]`.

  Raises:
    ValueError: images of another dtype.
  """
  if images.dtype != np.uint8:
    raise ValueError(f"images of dtype {images.dtype}: expected uint8.")
  logits_fn = as_numpy_fn(model)
  logits = np.concatenate(
    [
      logits_fn(np.float32(images[start : start + 1000]) / 255)
      for start in range(0, len(images), 1000)
    ]
  )
  confidence = np.asarray(softmax(logits, axis=-1)).max(axis=-1)
  kept = confidence >= min_confidence
  return {
    "images": images[kept],
    "labels": logits.argmax(axis=-1).astype(np.int32)[kept],
    "confidence": confidence[kept],
  }


def _flags():
  values = flags.FlagValues()
  own = {"flag_values": values}
  for name, meaning in (
    ("workdir", "a finished run."),
    ("images", ".npz with `images` uint8 [N, H, W, C]."),
    ("out", "the .npz to write."),
  ):
    flags.DEFINE_string(name, None, meaning, required=True, **own)
  flags.DEFINE_float(
    "min_confidence", 0.0, "smallest confidence of an image to keep.", **own
  )
  define_flag(values)
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
