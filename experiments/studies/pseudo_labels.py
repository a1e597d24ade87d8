"""Labels images without labels by a trained model, for robust self-training.

  python -m experiments.studies.pseudo_labels --workdir=runs/cifar10_standard \\
      --images=tinyimages.npz --out=pseudo_labeled.npz
  ./launch.sh train --config=experiments/configs/adversarial/cifar10_pgd.py \\
      --config.data.extra="{'file': 'pseudo_labeled.npz', 'fraction': 0.5}"

The first writes the images, what the model answers to each, and how sure it is,
as `images`, `labels` and `confidence`; the second trains on batches of which
half are those (Carmon et al. 2019, "Unlabeled Data Improves Adversarial
Robustness"). The model is one trained without an adversary: it labels best.
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
  """Writes the file and says how many images it has."""
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
  """What a classifier answers to images, where it is sure enough.

  Args:
    model: a frozen classifier.
    images: uint8 `[N, H, W, C]`.
    min_confidence: the least probability of the answer; images below are left
      out.

  Returns:
    "images" uint8 `[M, H, W, C]`, "labels" int32 `[M]`, "confidence" `[M]`.

  Raises:
    ValueError: images of another dtype.
  """
  if images.dtype != np.uint8:
    raise ValueError(f"images of dtype {images.dtype}: expected uint8.")
  answer = as_numpy_fn(model)
  logits = np.concatenate(
    [
      answer(np.float32(images[start : start + 1000]) / 255)
      for start in range(0, len(images), 1000)
    ]
  )
  confidence = np.asarray(softmax(logits, axis=-1)).max(axis=-1)
  sure = confidence >= min_confidence
  return {
    "images": images[sure],
    "labels": logits.argmax(axis=-1).astype(np.int32)[sure],
    "confidence": confidence[sure],
  }


def _flags():
  values = flags.FlagValues()
  own = {"flag_values": values}
  for name, what in (
    ("workdir", "a finished run."),
    ("images", ".npz with `images` uint8 [N, H, W, C]."),
    ("out", "the .npz to write."),
  ):
    flags.DEFINE_string(name, None, what, required=True, **own)
  flags.DEFINE_float(
    "min_confidence", 0.0, "of the images that are kept.", **own
  )
  define_flag(values)
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
