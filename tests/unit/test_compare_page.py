"""The page of a comparison in a real browser, as far as there is one."""

import json
import re
import shutil
import subprocess

import numpy as np
import PIL.Image
import pytest

from experiments.compare import compare
from robust_jax.adapters.dataset import Sample
from robust_jax.data.cifar10_15k import Cifar10_15k
from robust_jax.evaluation.entrant import Entrant
from robust_jax.evaluation.sections.natural_shifts import NaturalShifts
from robust_jax.evaluation.sections.sequences import Sequences
from robust_jax.evaluation.sections.system_noise import SystemNoise
from tests.unit.whole_page import check_page

BROWSER = next(
  filter(None, map(shutil.which, ("chromium-headless-shell", "chromium"))),
  None,
)
pytestmark = pytest.mark.skipif(
  BROWSER is None,
  reason="no chromium on PATH: apt-get install chromium-headless-shell",
)
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
# What a reader would see, told by the page itself.
PROBE = """<script>
addEventListener("load", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
  const box = (node) => node.getBoundingClientRect();
  const pictures = [...document.images];
  const charts = [...document.querySelectorAll("svg.chart")];
  const drawn = (chart) => [...chart.querySelectorAll(
    "circle,rect,path,polyline,line")].filter((n) => {
      const b = n.getBBox(); return b.width > 0 || b.height > 0; }).length;
  const found = {
    pictures: pictures.length,
    empty: pictures.filter((p) => !p.complete || !p.naturalWidth).length,
    charts: charts.length,
    marks: charts.map(drawn),
    lines: charts.flatMap((c) => [...c.querySelectorAll("polyline")].map(
      (line) => line.getTotalLength())),
    outside: charts.flatMap((c) => [...c.querySelectorAll("text")].filter(
      (t) => box(t).left < box(c).left - 1 || box(t).right > box(c).right + 1
    ).map((t) => t.textContent)),
    letters: Math.min(...charts.flatMap(
      (c) => [...c.querySelectorAll("text")].map((t) => box(t).height))),
    fetched: performance.getEntriesByType("resource").map((e) => e.name),
    parts: [...document.querySelectorAll("h2")].map((n) => n.id),
    width: document.documentElement.scrollWidth,
    window: innerWidth,
  };
  const pre = document.createElement("pre");
  pre.id = "found"; pre.textContent = JSON.stringify(found);
  document.body.append(pre);
});
</script></body>"""


class Squares:
  """Colour images, the class is the channel that a square is of.

  There are ten classes, as in the natural shift set beside it, and three occur.
  """

  class_names = Cifar10_15k.CLASS_NAMES

  def __len__(self):
    return 30

  def get(self, index):
    rng = np.random.default_rng(index)
    image = rng.integers(0, 90, (12, 16, 3))
    image[3:9, 5:11, index % 3] += 120
    return Sample(f"square {index}", image.astype(np.uint8), index % 3)


def _middle(images):
  scores = np.stack([x[5:7, 7:9].mean(axis=(0, 1)) for x in images]) / 20
  return np.pad(scores, [(0, 0), (0, 7)])


def _corner(images):
  return np.stack([x[3, 5] for x in images]).argmax(axis=1)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
  """A report with every kind of part in it."""
  path = tmp_path_factory.mktemp("page")
  models = {
    name: Entrant(name, "here", "function", name, lambda *x, f=f: f(x[2]))
    for name, f in (
      ("middle", _middle),
      ("a model with a rather long name", _corner),
    )
  }
  squares = [Squares().get(i) for i in range(len(Squares()))]
  for square in squares:
    PIL.Image.fromarray(square.image).save(path / square.id, "png")
  arrays = {"data": [s.image for s in squares]}
  arrays["labels"] = [s.label for s in squares]
  for name, values in arrays.items():
    np.save(path / f"cifar10.1_v6_{name}.npy", values)
  compare(
    models,
    Squares(),
    path,
    name="squares",
    families=["photometric", "pixel_shift"],
    sections=[
      NaturalShifts([f"cifar10_1={path}"]),
      Sequences(["rotate", "translate"]),
      SystemNoise(path, 12),
    ],
  )
  return path / "report.html"


def _browse(page, *options):
  result = subprocess.run(
    [
      BROWSER,
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--enable-logging=stderr",
      *options,
      page.as_uri(),
    ],
    capture_output=True,
    text=True,
    timeout=60,
    check=True,
  )
  return result.stdout, result.stderr


@pytest.mark.parametrize("width", [360, 1280])
def test_a_reader_sees_all_of_it(page, width):
  text = page.read_text(encoding="utf-8")
  check_page(text)
  assert POLICY in text  # the browser itself refuses what is not in the page
  probed = page.with_name(f"probed_{width}.html")
  allowed = text.replace(POLICY, f"{POLICY}; script-src 'unsafe-inline'")
  probed.write_text(allowed.replace("</body>", PROBE), encoding="utf-8")
  dom, log = _browse(probed, f"--window-size={width},900", "--dump-dom")
  (told,) = re.findall(r'<pre id="found">(.*?)</pre>', dom)
  found = json.loads(told)
  assert "CONSOLE" not in log, log
  assert found["window"] == width
  assert found["width"] <= width  # nothing sticks out
  assert found["pictures"] >= 4
  assert found["empty"] == 0
  # Risks, two families, four photometric changes, sequences, who is right.
  assert found["charts"] == 1 + 2 + 4 + 1 + 1
  assert {"natural", "sequences", "libraries"} <= set(found["parts"])
  # Two models and a grid in each.
  assert min(found["marks"]) >= 5
  # A line for each of two models in six charts, of 248 units across.
  assert len(found["lines"]) == 2 * 6
  assert min(found["lines"]) >= 248
  assert found["outside"] == []
  assert found["letters"] >= 10
  assert [n for n in found["fetched"] if not n.startswith("data:")] == []


def test_a_picture_of_it_is_not_empty(page, tmp_path):
  file = tmp_path / "page.png"
  _, log = _browse(page, "--window-size=800,3000", f"--screenshot={file}")
  assert "CONSOLE" not in log, log
  with PIL.Image.open(file) as picture:
    pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
  for colour in ("0072B2", "D55E00"):  # of the two models
    wanted = np.frombuffer(bytes.fromhex(colour), np.uint8)
    assert (pixels == wanted).all(axis=1).sum() > 100
