"""Models behind an HTTP endpoint that fails in every way a service can."""

import base64
import contextlib
import http.server
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import PIL.Image
import pytest

from robust_jax.comparison.predictors import retry as retrying
from robust_jax.comparison.predictors.http_predictor import http_predictor
from robust_jax.comparison.predictors.predict import predict_batches
from robust_jax.comparison.predictors.retry import NoResponse, retry
from tests.unit.command_line import command_line

ROOT = pathlib.Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(0)
NUM_CLASSES = 3


def scores(images):
  """Of each image, the means of its thirds."""
  return np.array(
    [[part.mean() for part in np.array_split(i, 3, axis=1)] for i in images]
  )


class Service:
  """A server on this machine; `behave` may spoil the n-th request.

  Attributes:
    requests: of each, how many images it had and its headers.
  """

  def __init__(self, behave=lambda number, handler, reply: reply):
    self.requests = []
    self._lock = threading.Lock()
    service = self

    class Handler(http.server.BaseHTTPRequestHandler):
      def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        images = [_decoded(text) for text in json.loads(body)["images"]]
        with service._lock:
          number = len(service.requests)
          service.requests.append((len(images), dict(self.headers)))
        reply = {"outputs": scores(images).tolist()}
        content = behave(number, self, json.dumps(reply).encode())
        with contextlib.suppress(OSError):
          if content is not None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

      def log_message(self, *_):
        pass

    self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    self._server.daemon_threads = True
    self.url = f"http://127.0.0.1:{self._server.server_port}/predict"
    threading.Thread(target=self._server.serve_forever, daemon=True).start()

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self._server.shutdown()
    self._server.server_close()

  @property
  def images(self):
    return sum(size for size, _ in self.requests)


def _decoded(text):
  with PIL.Image.open(io.BytesIO(base64.b64decode(text))) as picture:
    image = np.asarray(picture)
  return image if image.ndim == 3 else image[..., None]


def unavailable(number, handler, reply):
  handler.send_error(503)


def dropped(number, handler, reply):
  handler.connection.close()


def cut_off(number, handler, reply):
  handler.send_response(200)
  handler.send_header("Content-Length", str(len(reply)))
  handler.end_headers()
  handler.wfile.write(reply[: len(reply) // 2])
  handler.connection.close()


def hangs(number, handler, reply):
  time.sleep(3)


def trickles(number, handler, reply):
  handler.send_response(200)
  handler.end_headers()
  with contextlib.suppress(OSError):
    for _ in range(30):
      handler.wfile.write(b" ")
      time.sleep(0.1)


def garbage(number, handler, reply):
  return b"<html>please wait</html>"


def too_few(number, handler, reply):
  return json.dumps({"outputs": json.loads(reply)["outputs"][1:]}).encode()


FAILURES = [
  (unavailable, "responded 503 Service Unavailable"),
  (dropped, "Remote end closed connection"),
  (cut_off, "dropped the connection"),
  (hangs, "did not respond within 0.5 s"),
  (trickles, "did not respond within 0.5 s"),
  (garbage, "it begins with b'<html>please wait</html>'"),
  (too_few, "outputs float64 of shape"),
]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
  """No proxy between this machine and itself, and short waits."""
  monkeypatch.setenv("no_proxy", "127.0.0.1")
  monkeypatch.setattr(retrying, "_FIRST", 0.01)


@pytest.fixture(scope="module")
def images():
  gray = list(RNG.integers(0, 256, (20, 6, 9, 1), np.uint8))
  return gray + list(RNG.integers(0, 256, (3, 6, 9, 3), np.uint8))


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("batch_size", [1, 8, 100])
def test_a_service_answers_as_the_function_behind_it(
  images, batch_size, concurrency
):
  with Service() as service:
    predict = http_predictor(
      service.url, batch_size=batch_size, concurrency=concurrency
    )
    found = predict_batches(predict, images, NUM_CLASSES)
  np.testing.assert_array_equal(found, scores(images))
  assert len(service.requests) == -(-len(images) // batch_size)


@pytest.mark.parametrize(("failure", "message"), FAILURES)
def test_what_may_pass_is_asked_again_and_else_named(images, failure, message):
  def sometimes(number, handler, reply):
    return failure(number, handler, reply) if number % 4 == 1 else reply

  with Service(sometimes) as service:
    predict = http_predictor(service.url, batch_size=4, timeout=0.5)
    np.testing.assert_array_equal(predict(images), scores(images))
  with Service(failure) as service:
    predict = http_predictor(service.url, timeout=0.5, retries=1)
    with pytest.raises(
      NoResponse, match="no response after 2 attempts"
    ) as raised:
      predict(images[:2])
    assert message in str(raised.value)
    assert len(service.requests) == 2


def test_nobody_listens():
  predict = http_predictor("http://127.0.0.1:9/", retries=1)
  with pytest.raises(NoResponse, match=r"after 2 attempts.*refused"):
    predict([np.zeros((4, 4, 1), np.uint8)])


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404])
def test_a_refusal_is_not_asked_again(images, status):
  def refuses(number, handler, reply):
    handler.send_response(status)
    handler.send_header("Location", "http://127.0.0.1:9/elsewhere")
    handler.end_headers()
    handler.wfile.write(b"wrong key")

  with Service(refuses) as service:
    predict = http_predictor(service.url, api_key="secret")
    with pytest.raises(ValueError, match=f"{status} .*wrong key") as raised:
      predict(images[:2])
    assert "secret" not in str(raised.value)
    assert len(service.requests) == 1
    assert service.requests[0][1]["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
  ("url", "options", "message"),
  [
    ("ftp://host/", {}, "expected an address such as https://HOST/PATH"),
    ("http://", {}, "expected an address"),
    ("http://host:port/", {}, "expected an address"),
    ("https://me:secret@host/", {}, "of host contains a password"),
    ("http://host/", {"api_key": "secret"}, "would be sent unencrypted"),
    ("http://host/", {"concurrency": 0}, "concurrency"),
    ("http://host/", {"retries": -1}, "retries = -1"),
    ("http://host/", {"timeout": 0}, "timeout = 0"),
  ],
)
def test_services_that_cannot_be_meant(url, options, message):
  with pytest.raises(ValueError, match=message) as raised:
    http_predictor(url, **options)
  assert "secret" not in str(raised.value)


def test_waits_double_and_a_bug_is_not_tried_again():
  waits = []

  def fails(error):
    raise error

  with pytest.raises(NoResponse, match="the last: ConnectionError: gone"):
    retry(lambda: fails(ConnectionError("gone")), 3, waits.append)
  assert waits == [0.01, 0.02, 0.04]
  with pytest.raises(NoResponse, match="the last: busy"):
    retry(lambda: fails(NoResponse("busy", wait=7.0)), 1, waits.append)
  assert waits[3:] == [7.0]
  for error in (ZeroDivisionError, FileNotFoundError, KeyboardInterrupt):
    with pytest.raises(error):
      retry(lambda error=error: fails(error()), 3, waits.append)
  assert len(waits) == 4


def test_each_try_gets_images_of_its_own():
  tries = []

  def predict(images):
    tries.append(images[0].max())
    images[0][:] = 0
    if len(tries) < 3:
      raise TimeoutError
    return np.array([1])

  predict_batches(predict, [np.full((2, 2, 1), 9, np.uint8)], 2, retries=2)
  assert tries == [9, 9, 9]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
  """160 images of 6 x 9 pixels: the class is which third is bright."""
  labels = np.arange(160) % NUM_CLASSES
  pixels = RNG.integers(0, 150, (160, 6, 9, 1), np.uint8)
  for image, label in zip(pixels, labels, strict=True):
    image[:, 3 * label : 3 * label + 3] += 60
  path = tmp_path_factory.mktemp("service") / "bars.npz"
  np.savez(path, images=pixels, labels=labels)
  return path


def command(data, out, url, *more):
  return [
    "compare",
    f"--models=S={url}",
    f"--data={data}",
    f"--out={out}",
    "--families=tests.unit.darker:darker",
    "--batch_size=50",
    *more,
  ]


def predictions(path):
  """The stored predictions of a folder: the bytes of every array, by name."""
  found = {}
  for file in sorted((path / "predictions").rglob("*")):
    if file.is_file():
      with np.load(file) as arrays:
        found[file.name] = {n: arrays[n].tobytes() for n in arrays.files}
  return found


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
  """The predictions of a service that never fails."""
  out = tmp_path_factory.mktemp("undisturbed")
  with Service() as service:
    assert command_line(*command(data, out, service.url)) == 0
    found = predictions(out)
    # Of 128 and 32 images asked together, requests have 50, 50, 28 and 32.
    assert len(service.requests) == 4 * len(found)
  return found


def test_one_request_in_twenty_fails(data, tmp_path, undisturbed):
  def fails(number, handler, reply):
    kinds = [unavailable, dropped, garbage]
    spoil = kinds[number // 20 % 3] if number % 20 == 10 else None
    return spoil(number, handler, reply) if spoil else reply

  with Service(fails) as service:
    assert command_line(*command(data, tmp_path, service.url)) == 0
    assert len(service.requests) >= 4 * len(undisturbed) + 2
  assert predictions(tmp_path) == undisturbed


def test_what_was_answered_before_a_service_failed_is_kept(
  data, tmp_path, undisturbed, capsys
):
  """The first batch of the sixth case is answered, the second one is not."""
  up = threading.Event()

  def fails(number, handler, reply):
    if number >= 5 * 4 + 3 and not up.is_set():
      return unavailable(number, handler, reply)
    return reply

  with Service(fails) as service:
    arguments = command(data, tmp_path, service.url, "--retries=1")
    assert command_line(*arguments) == 2
    assert "no response after 2 attempts" in capsys.readouterr().err
    up.set()
    before = service.images
    assert command_line(*arguments) == 0
    # Images of two cases to know it by, and all that are not answered yet.
    left = len(undisturbed) * 160 - 5 * 160 - 128
    assert service.images - before == 2 * 64 + left
  assert predictions(tmp_path) == undisturbed


def test_one_ctrl_c_ends_it_while_a_request_hangs(data, tmp_path, undisturbed):
  hanging, go_on = threading.Event(), threading.Event()

  def hangs_once(number, handler, reply):
    if number == 22 and not go_on.is_set():
      hanging.set()
      go_on.wait(60)
      return None
    return reply

  with Service(hangs_once) as service:
    arguments = command(data, tmp_path, service.url, "--timeout=60")
    process = subprocess.Popen(
      [sys.executable, "-m", "experiments.main", *arguments],
      cwd=tmp_path,
      env=os.environ | {"PYTHONPATH": str(ROOT)},
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    while not hanging.wait(0.1):
      assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    printed, wrong = process.communicate(timeout=20)
    assert process.returncode == 130, wrong
    assert "give the same command again" in printed
    assert not list(tmp_path.rglob("*partial*"))
    go_on.set()
    assert command_line(*arguments) == 0
  assert predictions(tmp_path) == undisturbed


def test_the_key_is_that_of_the_environment(
  data, tmp_path, monkeypatch, capsys
):
  with Service() as service:
    key = ("--api_key_variable=S=MY_KEY", "--num_examples=20")
    assert command_line(*command(data, tmp_path, service.url, *key)) == 2
    assert "MY_KEY is not set" in capsys.readouterr().err
    monkeypatch.setenv("MY_KEY", "secret")
    assert command_line(*command(data, tmp_path, service.url, *key)) == 0
    sent = {headers["Authorization"] for _, headers in service.requests}
    assert sent == {"Bearer secret"}
  assert "secret" not in (tmp_path / "report.json").read_text()
