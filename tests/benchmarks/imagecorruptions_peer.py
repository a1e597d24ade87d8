"""imagecorruptions 1.1.2 in a process of its own, repaired where it is broken.

    python imagecorruptions_peer.py < lines of "name severity side"

Started by bench_corruptions, with a Python that has imagecorruptions, numba,
scikit-image, opencv-python-headless and setuptools below 82. For each line the
corruption is applied once, and the seconds that it took are printed. The
package is older than numpy 2 and current scikit-image and needs old names;
its glass blur is compiled, as in its repository's head.
"""

import sys
import time

import numba
import numpy as np

setattr(np, "float_", np.float64)  # noqa: B010  # gone since numpy 2

from imagecorruptions import corruptions  # noqa: E402
from PIL import Image  # noqa: E402
from skimage.filters import gaussian  # noqa: E402


def _gaussian(x, sigma, multichannel=False, **options):
  axis = -1 if multichannel else None
  return gaussian(x, sigma, channel_axis=axis, **options)


@numba.njit
def _shuffle(x, reach, passes):
  for _ in range(passes):
    for h in range(x.shape[0] - reach, reach, -1):
      for w in range(x.shape[1] - reach, reach, -1):
        down = np.random.randint(-reach, reach)  # noqa: NPY002
        right = np.random.randint(-reach, reach)  # noqa: NPY002
        x[h, w] = x[h + down, w + right]


def _glass_blur(x, severity=1):
  constants = [(0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)]
  sigma, reach, passes = constants[severity - 1]
  y = np.uint8(_gaussian(np.array(x) / 255.0, sigma, True) * 255)
  _shuffle(y, reach, passes)
  return np.clip(_gaussian(y / 255.0, sigma, True), 0, 1) * 255


def main() -> None:
  corruptions.gaussian = _gaussian
  corruptions.glass_blur = _glass_blur
  random = np.random.default_rng(0)
  for request in sys.stdin:
    name, severity, side = request.split()
    # Smooth, as photographs are.
    coarse = random.integers(0, 256, (8, 8, 3)).astype(np.uint8)
    image = Image.fromarray(coarse).resize((int(side), int(side)))
    start = time.perf_counter()
    np.uint8(getattr(corruptions, name)(image, int(severity)))
    print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
  main()
