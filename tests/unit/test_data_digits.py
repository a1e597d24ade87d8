"""The embedded dataset against the archive that it is made from."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from robust_jax.data.load import load

SPLITS = ("train", "test")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
  return str(tmp_path_factory.mktemp("tfds"))


@pytest.fixture(scope="module")
def splits(data_dir):
  sources = {split: load("digits", split, data_dir) for split in SPLITS}
  return {s: sources[s].read(np.arange(len(sources[s]))) for s in SPLITS}


def python(program, **environment):
  return subprocess.Popen(
    [sys.executable, "-c", textwrap.dedent(program)],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    cwd=Path(__file__).parents[2],
    env={**os.environ, "ROBUST_JAX_DATA": "", **environment},
  )


def finish(process):
  output, errors = process.communicate(timeout=60)
  assert process.returncode == 0, errors
  return output


def sorted_examples(images, labels):
  rows = np.concatenate([images.reshape(-1, 64), labels[:, None]], axis=1)
  return rows[np.lexsort(rows.T)]


def test_the_splits_together_are_the_archive(splits):
  archive = load_digits()
  # Counts of 0..16 pixels as the nearest of 0..255, halves to even.
  levels = np.array([round(v * 255 / 16) for v in range(17)])
  assert levels[[0, 8, 16]].tolist() == [0, 128, 255]
  expected = sorted_examples(levels[archive.data.astype(int)], archive.target)
  x = np.concatenate([splits[s]["x"] for s in SPLITS])
  y = np.concatenate([splits[s]["y"] for s in SPLITS])
  assert x.shape == (1797, 8, 8, 1)
  np.testing.assert_array_equal(sorted_examples(x, y), expected)


def test_every_class_gives_one_fifth_to_the_test(splits):
  train, test = (np.bincount(splits[s]["y"], minlength=10) for s in SPLITS)
  assert (train.sum(), test.sum()) == (1437, 360)
  # Stratified: each class is within one example of its exact fraction.
  assert np.abs(test - (train + test) * 360 / 1797).max() < 1


def test_the_split_never_changes(splits):
  # A change would leave prepared copies of this version that differ.
  assert splits["test"]["y"][:10].tolist() == [1, 4, 2, 3, 2, 9, 6, 4, 0, 8]
  assert splits["test"]["x"].sum(dtype=int) == 1790819


def test_to_prepare_again_changes_no_file(data_dir, splits):
  def state():
    return {p: p.stat().st_mtime_ns for p in Path(data_dir).rglob("*")}

  before = state()
  assert len(load("digits", "train", data_dir)) == 1437
  assert state() == before


def test_two_processes_prepare_at_once_without_tensorflow(tmp_path, splits):
  program = """
    import json, sys
    import numpy as np
    from robust_jax.data.load import load

    print("ready", flush=True)
    sys.stdin.readline()
    source = load("digits", "test")
    labels = source.read(np.arange(len(source)))["y"].tolist()
    print(json.dumps({"labels": labels, "modules": list(sys.modules)}))
  """
  processes = [python(program, TFDS_DATA_DIR=str(tmp_path)) for _ in range(2)]
  for process in processes:
    assert process.stdout.readline() == "ready\n"
  for process in processes:
    process.stdin.write("go\n")
    process.stdin.flush()
  for process in processes:
    answer = json.loads(finish(process).splitlines()[-1])
    assert answer["labels"] == splits["test"]["y"].tolist()
    assert "tensorflow" not in answer["modules"]
  assert [p.name for p in (tmp_path / "digits").iterdir()] == ["1.1.0"]
