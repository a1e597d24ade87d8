"""Images decoded and cropped per second on the host, as for ImageNet.

    python -m tests.benchmarks.bench_crops [NUM]

Writes NUM (256) JPEG files to memory, parts of the two photographs of
scikit-learn of 500 x 375 pixels in quality 95, and crops them to 224 pixels in
batches, as training and evaluation loaders do. Prints images per
second of processor time, which other programs on the machine hardly change,
and of the clock, where all processors take part.
"""

import io
import sys
import time

import numpy as np
import PIL.Image
from sklearn.datasets import load_sample_images

from robust_jax.data.crops import crop_picture, cropped_dataset, random_box
from tests.benchmarks.clock import least_seconds

_SIZE, _STORED = 224, (500, 375)


def photographs(num_files: int) -> list[bytes]:
  """JPEG files of random parts of two photographs."""
  rng = np.random.default_rng(0)
  sources = [
    PIL.Image.fromarray(image) for image in load_sample_images().images
  ]
  found = []
  for index in range(num_files):
    source = sources[index % len(sources)]
    across, down = source.width - _STORED[0], source.height - _STORED[1]
    left, top = rng.integers(0, across + 1), rng.integers(0, down + 1)
    part = source.crop((left, top, left + _STORED[0], top + _STORED[1]))
    file = io.BytesIO()
    part.save(file, "JPEG", quality=95)
    found.append(file.getvalue())
  return found


def main(num_files: int) -> None:
  files = photographs(num_files)
  size = np.mean([len(file) for file in files]) / 1024
  print(f"{num_files} files of {size:.0f} KiB, {_STORED[0]} x {_STORED[1]}")
  read_pairs = lambda rows: [(files[row], 0) for row in rows]
  shape = (_SIZE, _SIZE, 3)
  dataset = cropped_dataset("photos", shape, 1, num_files, read_pairs)
  rows, rng = np.arange(num_files), np.random.default_rng(0)

  def alone():
    box_of = lambda width, height: random_box(rng, width, height)
    return [crop_picture(file, box_of, shape) for file in files]

  programs = {
    "decoding alone": lambda: [
      PIL.Image.open(io.BytesIO(file)).convert("RGB") for file in files
    ],
    "random crops, one thread": alone,
    "random crops, read_training": lambda: dataset.read_training(rows, (0, 0)),
    "central crops, read": lambda: dataset.read(rows),
  }
  clocks = {"processor": time.process_time, "clock": time.perf_counter}
  for what, clock in clocks.items():
    for name, seconds in least_seconds(programs, 5, clock).items():
      print(f"{name:30} {num_files / seconds:7.0f} images/s of the {what}")


if __name__ == "__main__":
  main(int(sys.argv[1]) if len(sys.argv) > 1 else 256)
