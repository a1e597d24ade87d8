"""Saving of the state of a suite of attacks, and how often."""

import numpy as np
import pytest

from robust_jax.attacks.autoattack import suite_state

BATCHES = 100


@pytest.mark.parametrize(
  ("cost", "batch", "least", "most"),
  [
    (0.01, 1.0, BATCHES, BATCHES),  # after every batch
    (0.01, 60.0, BATCHES, BATCHES),
    (1.0, 1.0, 3, 4),  # at 3 % of the time
    (10.0, 60.0, BATCHES // 7, BATCHES // 5),
  ],
)
def test_a_state_is_saved_as_often_as_it_costs_little(
  cost, batch, least, most, tmp_path, monkeypatch
):
  now, saves = [0.0], []

  def save(path, question, arrays, *, finished):
    now[0] += cost
    saves.append(now[0])

  monkeypatch.setattr(suite_state.time, "monotonic", lambda: now[0])
  monkeypatch.setattr(suite_state.saved_state, "save", save)
  state = suite_state.SuiteState(np.zeros((2, 3), np.float32), 1, {})
  for _ in range(BATCHES):
    now[0] += batch
    state.save(tmp_path / "state.npz")
  assert least <= len(saves) <= most
  assert (len(saves) - 1) * cost <= 0.031 * now[0] or len(saves) == BATCHES
  state.save(tmp_path / "state.npz", now=True)
  assert len(saves) >= least + 1
