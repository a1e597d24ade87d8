"""Detectors as functions, services and files, and all that can be wrong."""

import base64
import contextlib
import http.server
import importlib
import io
import json
import pathlib
import re
import sys
import threading
import types

import numpy as np
import PIL.Image
import pytest
from pycocotools import coco, cocoeval

from robust_jax.boxes import Detections
from robust_jax.comparison.predictors import retry as retrying
from robust_jax.comparison.predictors.detector_predictor import (
  detector_predictor,
)
from robust_jax.comparison.predictors.http_detector import http_detector
from robust_jax.comparison.predictors.pack_detections import (
  pack,
  slots,
  unpack,
)
from robust_jax.comparison.predictors.retry import NoResponse
from robust_jax.comparison.predictors.stored_detections import (
  StoredDetections,
  write_detections,
)
from robust_jax.data.open_detection import open_detection
from robust_jax.data.readers.detection.coco_results import read_coco_results
from robust_jax.data.readers.detection.write_coco import write_coco
from tests.unit import detection_files as files

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = ("cat", "dog", "owl")
IMAGES = [one.image for one in files.examples().values()]


def random_detections(count, num_classes=3, seed=0, size=16):
  rng = np.random.default_rng(seed)
  corners = np.sort(rng.uniform(0, size, (count, 2, 2)), axis=1)
  return Detections(
    corners.reshape(count, 4).astype(np.float32),
    rng.uniform(0, 1, count).astype(np.float32),
    rng.integers(0, num_classes, count),
  )


def by_score(found):
  order = np.argsort(-found.scores, kind="stable")
  return Detections(*(field[order] for field in found))


def assert_same(a, b):
  for one, other in zip(a, b, strict=True):
    np.testing.assert_array_equal(one, other)


def test_packing_sorts_and_unpacking_is_its_inverse():
  found = [random_detections(n, seed=n) for n in (7, 0, 40)]
  packed = pack(found, 3)
  assert (packed.shape, packed.dtype) == ((3, 300, 6), np.float32)
  for one, sorted_one in zip(unpack(packed), map(by_score, found), strict=True):
    assert_same(one, sorted_one)
  np.testing.assert_array_equal(pack(unpack(packed), 3), packed)
  assert np.isnan(packed[1]).all()


@pytest.mark.parametrize("num_classes", [2, 30])
def test_the_best_of_each_class_and_image_are_kept(num_classes):
  found = random_detections(5000, num_classes)
  (kept,) = unpack(pack([found], num_classes))
  assert len(kept.scores) == slots(num_classes) == min(100 * num_classes, 1000)
  best = [
    np.sort(found.scores[found.classes == k])[::-1][:100]
    for k in range(num_classes)
  ]
  expected = np.sort(np.concatenate(best))[::-1][: len(kept.scores)]
  np.testing.assert_array_equal(kept.scores, expected)


def test_numbers_that_are_not_finite_are_left_out():
  found = random_detections(6)
  found.boxes[0, 2], found.scores[1], found.boxes[2, 0] = (
    np.nan,
    np.inf,
    -np.inf,
  )
  (kept,) = unpack(pack([found], 3))
  assert_same(kept, by_score(Detections(*(field[3:] for field in found))))


ONE = random_detections(5)
FORMS = {
  "detections": ONE,
  "tuple": tuple(ONE),
  "lists": [field.tolist() for field in ONE],
  "dict": dict(zip(("boxes", "scores", "classes"), ONE, strict=True)),
  "labels": dict(
    zip(("scores", "labels", "boxes"), (*ONE[1:], ONE[0]), strict=True)
  ),
  "names": (*ONE[:2], [NAMES[k] for k in ONE.classes]),
  "floats": (*ONE[:2], ONE.classes.astype(np.float32)),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_function_may_return_any_form(form):
  empty = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
  results = [FORMS[form], ([], [], []), empty, FORMS[form]]
  packed = detector_predictor(lambda images: results, NAMES)(IMAGES)
  np.testing.assert_array_equal(packed, pack([ONE, empty, empty, ONE], 3))


@pytest.mark.parametrize(
  ("results", "message"),
  [
    ([ONE] * 3, "returned 3 results for 4 images"),
    ([3] * 4, "found 3 in an image: expected boxes, scores and classes"),
    ([{"boxes": ONE.boxes}] * 4, "expected boxes, scores and classes"),
    ([(ONE.boxes, ONE.scores[1:], ONE.classes)] * 4, r"scores \[4\]"),
    ([(ONE.boxes[:, :3], *ONE[1:])] * 4, r"boxes \[5, 3\]"),
    ([(*ONE[:2], ONE.classes + 1)] * 4, r"class '3': .* index from 0 to 2"),
    ([(*ONE[:2], ["ant"] * 5)] * 4, "class 'ant': expected one of cat, dog"),
    ([(*ONE[:2], ONE.classes + 0.5)] * 4, r"class '\d.5'"),
  ],
)
def test_results_that_are_refused(results, message):
  with pytest.raises(ValueError, match=message):
    detector_predictor(lambda images: results, NAMES)(IMAGES)


def test_boxes_of_another_form_are_noticed():
  corners = np.tile([8.0, 9.0, 11.0, 14.0], (5, 1))
  size = np.tile([8.0, 9.0, 3.0, 5.0], (5, 1))
  of = lambda boxes: detector_predictor(
    lambda images: [(boxes, *ONE[1:])] * len(images), NAMES
  )(IMAGES)
  assert len(unpack(of(corners))[0].boxes) == 5
  with pytest.raises(ValueError, match="as left, top, width, height hardly"):
    of(size)
  with pytest.raises(ValueError, match="as fractions of the image would"):
    of(corners / 32)
  assert len(unpack(of(np.zeros((5, 4))))[0].boxes) == 5  # padding of a model


# -- Services.


@contextlib.contextmanager
def service(answer):
  """A server whose n-th reply is `answer(n, number of images)`."""
  seen = []

  class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
      body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
      seen.append((len(body["images"]), self.headers.get("Authorization")))
      reply = json.dumps(answer(len(seen), len(body["images"]))).encode()
      self.send_response(200)
      self.send_header("Content-Length", str(len(reply)))
      self.end_headers()
      self.wfile.write(reply)

    def log_message(self, *_):
      pass

  server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
  threading.Thread(
    target=server.serve_forever, args=(0.01,), daemon=True
  ).start()
  try:
    yield f"http://127.0.0.1:{server.server_port}/", seen
  finally:
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
  """No proxy between this machine and itself, and short waits."""
  monkeypatch.setenv("no_proxy", "127.0.0.1")
  monkeypatch.setattr(retrying, "_FIRST", 0.01)


AS_JSON = {
  "boxes": ONE.boxes.tolist(),
  "scores": ONE.scores.tolist(),
  "classes": [NAMES[k] for k in ONE.classes],
}


def test_a_service_is_asked_again_where_a_reply_is_none():
  def answer(number, size):
    return (
      {"error": "busy"} if number == 2 else {"detections": [AS_JSON] * size}
    )

  with service(answer) as (url, seen):
    predict = http_detector(
      url, NAMES, batch_size=3, concurrency=1, api_key="secret"
    )
    np.testing.assert_array_equal(predict(IMAGES), pack([ONE] * 4, 3))
  assert seen == [(n, "Bearer secret") for n in (3, 1, 1)]


@pytest.mark.parametrize(
  ("reply", "error", "message"),
  [
    ({"detections": []}, NoResponse, 'not the JSON {"detections"'),
    (
      {"detections": [AS_JSON | {"classes": ["ant"] * 5}]},
      ValueError,
      "the class 'ant'",
    ),
    ({"detections": [[]]}, ValueError, "expected boxes, scores and classes"),
  ],
)
def test_replies_that_are_refused(reply, error, message):
  with service(lambda number, size: reply) as (url, seen):
    with pytest.raises(error, match=message):
      http_detector(url, NAMES, retries=1)(IMAGES[:1])
    assert len(seen) == (2 if error is NoResponse else 1)


# -- Files.


@pytest.fixture
def data(tmp_path):
  return open_detection(str(files.write_coco_files(tmp_path, files.examples())))


def stored(folder, found, data, name="clean"):
  packed = pack(list(found.values()), len(data.class_names))
  write_detections(folder, name, list(found), packed, data)
  return folder / f"{name}.json"


def test_what_is_stored_is_what_the_model_returned(data, tmp_path):
  folder = tmp_path / "results"
  live = {name: random_detections(9, seed=i) for i, name in enumerate(data.ids)}
  noisy = {
    name: random_detections(2, seed=i) for i, name in enumerate(data.ids)
  }
  del noisy["b.png"]  # nothing is found there
  stored(folder, live, data)
  stored(folder, noisy, data, "noise/gaussian_noise/3")
  read = StoredDetections(folder, data)
  assert read.conditions == ("clean", "noise/gaussian_noise/3")
  ids, images = ["d.png", "b.png"], [IMAGES[3], IMAGES[1]]
  expected = pack([live["d.png"], live["b.png"]], 3)
  np.testing.assert_array_equal(read.get("clean", ids, images), expected)
  found = unpack(read.get("noise/gaussian_noise/3", ids, images))
  assert [len(one.scores) for one in found] == [2, 0]
  with pytest.raises(ValueError, match="no detections under 'blur'"):
    read.get("blur", ids, images)
  alone = StoredDetections(folder / "clean.json", data)
  assert alone.conditions == ("clean",)
  np.testing.assert_array_equal(alone.get("clean", ids, images), expected)
  assert alone.warn(images) == []
  # The numbers in a file are those of categories, whatever the order of names.
  path = str(tmp_path / "annotations" / "instances_val2017.json")
  turned = open_detection(path, class_names=NAMES[::-1])
  found = StoredDetections(folder, turned).get("clean", ids, images)
  np.testing.assert_array_equal(2 - found[..., 5], expected[..., 5])


@pytest.mark.parametrize("name", [17, "a.png", "a"])
def test_images_are_named_by_number_file_or_stem(data, tmp_path, name):
  path = stored(tmp_path, {"a.png": ONE}, data)
  content = json.loads(path.read_text())
  path.write_text(json.dumps([one | {"image_id": name} for one in content]))
  found = StoredDetections(path, data).get("clean", ["a.png"], IMAGES[:1])
  np.testing.assert_array_equal(found, pack([ONE], 3))


def test_pictures_that_are_named_by_numbers_have_them(tmp_path):
  found = files.examples()
  numbered = {f"00{i}7": one for i, one in enumerate(found.values(), 1)}
  data = open_detection(str(files.write_voc(tmp_path, numbered)))
  assert list(data.image_ids) == [17, 27, 37, 47]


def with_field(name, value):
  return lambda content: content[1].update({name: value})


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (
      with_field("category_id", 3),
      "category_id = 3: expected one of 70, 80, 90",
    ),
    (with_field("score", None), "detection 2: score = None: expected a number"),
    (with_field("bbox", [1, 2, 3]), "detection 2: bbox = .*expected four"),
    (with_field("image_id", None), "detection 2: image_id = None: expected"),
    (lambda c: c.insert(0, 7), "detection 1: 7: expected an object"),
    (
      lambda c: [one.update(image_id=5) for one in c],
      "no detection is of an image of the data: image_id = 5: expected such as",
    ),
    (
      lambda c: [one.update(bbox=[8, 9, 15, 14]) for one in c],
      "as left, top, right, bottom hardly any does",
    ),
  ],
)
def test_files_that_are_refused(data, tmp_path, change, message):
  path = stored(tmp_path, {"b.png": ONE}, data)
  content = json.loads(path.read_text())
  change(content)
  path.write_text(json.dumps(content))
  with pytest.raises(ValueError, match=message):
    StoredDetections(path, data).get("clean", ["b.png"], IMAGES[1:2])


def test_a_file_of_more_images_is_said(data, tmp_path):
  path = stored(tmp_path, {"b.png": ONE}, data)
  content = json.loads(path.read_text())
  content.append(content[0] | {"image_id": 5})
  path.write_text(json.dumps(content))
  read = StoredDetections(path, data)
  assert read.warn(IMAGES) == [
    "1 of the images in its file are not among the data, such as 5."
  ]
  found = read.get("clean", ["b.png"], IMAGES[1:2])
  np.testing.assert_array_equal(found, pack([ONE], 3))


@pytest.mark.parametrize("content", ["{}", "[", "3"])
def test_a_file_of_no_detections_is_refused(tmp_path, content):
  (tmp_path / "a.json").write_text(content)
  with pytest.raises(ValueError, match=r"a\.json"):
    read_coco_results(tmp_path / "a.json")


def test_a_folder_needs_clean_detections(data, tmp_path):
  (tmp_path / "empty").mkdir()
  for path in (tmp_path / "empty", tmp_path / "nothing.json"):
    with pytest.raises(ValueError, match=r"with clean\.json in it"):
      StoredDetections(path, data)


def test_pycocotools_reads_both_files(data, tmp_path):
  """And finds every object in detections that are the objects themselves."""
  write_coco(tmp_path / "data.json", data)
  samples = [data.get(row) for row in range(len(data))]
  found = {}
  for sample in samples:
    objects = sample.x.annotations
    ones = np.ones(len(objects.boxes), np.float32)
    found[sample.id] = Detections(objects.boxes, ones, objects.classes)
  path = stored(tmp_path, found, data)
  truth = coco.COCO(str(tmp_path / "data.json"))
  judge = cocoeval.COCOeval(truth, truth.loadRes(str(path)), "bbox")
  judge.evaluate()
  judge.accumulate()
  judge.summarize()
  assert judge.stats[0] == pytest.approx(1.0)


# -- The examples of the page, beside stand-ins for what is not installed.


class Tensor(np.ndarray):
  """An array with the methods of a tensor that the examples call."""

  permute = np.ndarray.transpose
  numpy = lambda self: np.asarray(self)
  cpu = lambda self: self


def tensor(values):
  return np.asarray(values).view(Tensor)


def brightest(pixels):
  """The box of all that is brighter than half, `[1, 4]`."""
  rows, columns = np.nonzero(pixels > 0.5)
  corners = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
  return np.array([corners], float)


def of_torchvision(images):
  return [
    {
      "boxes": tensor(np.repeat(brightest(image[0]), 2, axis=0)),
      "scores": tensor([0.9, 0.8]),
      "labels": tensor([1, 2]),
    }
    for image in images
  ]


class _Yolo:
  def __init__(self, path):
    pass

  def predict(self, images, conf):
    # In BGR the last channel is red.
    boxes = [tensor(brightest(image[..., 2] / 255)) for image in images]
    make = types.SimpleNamespace
    return [
      make(
        boxes=make(
          cpu=lambda box=box: make(
            xyxy=box, conf=tensor([0.9]), cls=tensor([0.0])
          )
        )
      )
      for box in boxes
    ]


class _Session:
  def __init__(self, path):
    pass

  def get_inputs(self):
    return [types.SimpleNamespace(name="images")]

  def run(self, names, inputs):
    box = brightest(inputs["images"][0, 0])
    return [np.hstack([box, [[0.9, 0.0]]])[None]]


def stand_ins():
  torch = types.ModuleType("torch")
  torch.no_grad = lambda: lambda function: function
  torch.from_numpy = tensor
  detection = types.ModuleType("torchvision.models.detection")
  detection.FasterRCNN_MobileNet_V3_Large_320_FPN_Weights = (
    types.SimpleNamespace(
      DEFAULT=types.SimpleNamespace(
        meta={"categories": ["background", "person", "bus"]}
      )
    )
  )
  detection.fasterrcnn_mobilenet_v3_large_320_fpn = lambda **options: (
    types.SimpleNamespace(eval=lambda: of_torchvision)
  )
  models = types.ModuleType("torchvision.models")
  models.detection = detection
  ultralytics = types.ModuleType("ultralytics")
  ultralytics.YOLO = _Yolo
  onnxruntime = types.ModuleType("onnxruntime")
  onnxruntime.InferenceSession = _Session
  return {
    "torch": torch,
    "torchvision": types.ModuleType("torchvision"),
    "torchvision.models": models,
    "ultralytics": ultralytics,
    "onnxruntime": onnxruntime,
  }


@pytest.fixture
def page(tmp_path, monkeypatch):
  """The examples of the page, importable, beside stand-ins."""
  text = (ROOT / "docs/detection.md").read_text("utf-8")
  names = []
  for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
    name = re.match(r"# (\w+)\.py\n", block)[1]
    (tmp_path / f"{name}.py").write_text(block)
    monkeypatch.delitem(sys.modules, name, raising=False)
    names.append(name)
  for name, module in stand_ins().items():
    monkeypatch.setitem(sys.modules, name, module)
  monkeypatch.syspath_prepend(tmp_path)
  return names


def test_the_examples_of_the_page_find_a_red_box(page, monkeypatch):
  image = np.zeros((320, 640, 3), np.uint8)
  image[40:80, 100:180, 0] = 255
  monkeypatch.setenv("DETECTOR_KEY", "secret")

  def answer(request, timeout):
    assert request.get_header("Authorization") == "Bearer secret"
    content = base64.b64decode(request.data)
    with PIL.Image.open(io.BytesIO(content)) as sent:
      left, top, right, bottom = brightest(np.asarray(sent)[..., 0] / 255)[0]
    one = {"x": (left + right) / 2, "y": (top + bottom) / 2, "class": "person"}
    size = {"width": right - left, "height": bottom - top, "confidence": 0.9}
    return io.BytesIO(json.dumps({"predictions": [one | size]}).encode())

  monkeypatch.setattr("urllib.request.urlopen", answer)
  assert len(page) == 4
  for name in page:
    detect = importlib.import_module(name).detect
    (found,) = unpack(detector_predictor(detect, ["person"])([image]))
    # Resizing moves the edge of what is brighter than half by a pixel or two.
    np.testing.assert_allclose(found.boxes, [[100, 40, 180, 80]], atol=2)
    np.testing.assert_allclose(found.scores, [0.9])
