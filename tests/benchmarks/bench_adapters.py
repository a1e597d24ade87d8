"""A PyTorch model in a comparison, beside the same weights as a model of ours.

    python -m tests.benchmarks.bench_adapters WEIGHTS MODEL [NUM]

e.g. `mnist_pgd_madry.npz small_cnn 1000`, on the first images of MNIST's test
set (found through ROBUST_JAX_DATA). The PyTorch model takes part as any
function on 8-bit images does. Prints on how many answers the two agree, and
what each of them adds to the time of a comparison. Needs torch.
"""

import pathlib
import sys
import tempfile
import time
from collections.abc import Sequence

import numpy as np

from experiments.compare.run import compare
from robust_jax.comparison.model import ComparedModel
from robust_jax.comparison.predictors.jax_predictor import jax_predictor
from robust_jax.comparison.predictors.predict import Predict
from robust_jax.data.load import load
from robust_jax.data.readers.dataset_images import DatasetImages
from robust_jax.models.inference import inference_fn
from tests.benchmarks.torch_network import torch_network
from tests.benchmarks.trained import trained

_FAMILIES = ("noise", "blur", "pixel_shift", "photometric")


def torch_predictor(network) -> Predict:
  """A torch module on images `[B, C, H, W]` in [0, 1] as an adapter."""
  import torch

  def predict(images: Sequence[np.ndarray]) -> np.ndarray:
    x = np.stack(images).transpose(0, 3, 1, 2).astype(np.float32) / 255
    with torch.no_grad():
      return network(torch.from_numpy(x)).numpy()

  return predict


def _model(name: str, predict: Predict) -> ComparedModel:
  answer = lambda case, ids, images: predict(images)
  return ComparedModel(name, name, "function", name, answer)


def _timed(predicts, dataset):
  """Seconds of a comparison, and its report."""
  started = time.perf_counter()
  with tempfile.TemporaryDirectory() as folder:
    report = compare(
      {name: _model(name, predict) for name, predict in predicts.items()},
      dataset,
      pathlib.Path(folder),
      families=_FAMILIES,
    )
  return time.perf_counter() - started, report


def main(weights: str, name: str, num: str = "1000"):
  model, variables = trained(weights, name, (28, 28, 1))
  predicts = {
    "jax": jax_predictor(inference_fn(model, variables)),
    "torch": torch_predictor(torch_network(name, variables["params"])),
  }
  dataset = DatasetImages(load("mnist", f"test[:{num}]"))
  _timed(predicts, dataset)  # transformations are compiled
  seconds = {
    name: _timed({name: predict}, dataset)[0]
    for name, predict in predicts.items()
  }
  both, report = _timed(predicts, dataset)
  (pair,) = report["agreement"]
  print(
    f"{len(report['conditions'])} cases of {report['data']['images']} images: "
    f"the same answer to {pair['same_prediction_clean']:.2f} % as they are and "
    f"{pair['same_prediction_transformed']:.2f} % changed. "
    f"jax alone {seconds['jax']:.1f} s, torch alone {seconds['torch']:.1f} s, "
    f"both {both:.1f} s."
  )


if __name__ == "__main__":
  main(*sys.argv[1:])
