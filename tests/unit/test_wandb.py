"""The log at Weights & Biases, which is written only where it is asked for."""

import sys

import pytest

from robust_jax.training.log import Log, read


def test_nothing_is_written_where_it_is_not_asked_for(tmp_path, monkeypatch):
  monkeypatch.delenv("ROBUST_JAX_WANDB", raising=False)
  log = Log(tmp_path, 0)
  log.write("train", 1, 0.5, {"loss": 2.0})
  log.close()
  written = {path.name for path in tmp_path.iterdir()}
  assert written == {"metrics.jsonl", "tensorboard"}


def test_what_is_asked_for_and_missing_is_said(tmp_path, monkeypatch):
  monkeypatch.setenv("ROBUST_JAX_WANDB", "project")
  monkeypatch.setitem(sys.modules, "wandb", None)  # as if not installed
  with pytest.raises(ValueError, match=r"ROBUST_JAX_WANDB=project: .*wandb is"):
    Log(tmp_path, 0)
  assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_resumed_is_the_same_run_there(tmp_path, monkeypatch):
  wandb = pytest.importorskip("wandb")
  monkeypatch.setenv("ROBUST_JAX_WANDB", "project")
  monkeypatch.setenv("WANDB_MODE", "offline")
  ids = []
  for step in (0, 1):
    log = Log(tmp_path, step)
    log.write("train", step + 1, 0.5, {"loss": 2.0})
    log.close()
    ids.append((tmp_path / "wandb_id.txt").read_text("utf-8"))
  wandb.teardown()  # its process has written everything
  assert ids[0] == ids[1]
  files = list((tmp_path / "wandb").glob(f"offline-run-*/run-{ids[0]}.wandb"))
  assert len(files) == 2
  assert all(b"train/loss" in file.read_bytes() for file in files)
  assert [record["step"] for record in read(tmp_path)] == [1, 2]
