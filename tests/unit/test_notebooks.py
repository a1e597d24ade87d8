"""The notebooks run, offline, and hold the pictures of a run."""

import copy
import pathlib

import nbclient
import nbformat
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))


def _pictures(notebook):
  return sum(
    "image/png" in output.get("data", ())
    for cell in notebook.cells
    for output in cell.get("outputs", ())
  )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs_and_draws_what_is_stored_in_it(path, monkeypatch):
  stored = nbformat.read(path, as_version=4)
  assert _pictures(stored) >= 2
  monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=":")
  notebook = copy.deepcopy(stored)
  nbclient.NotebookClient(notebook, timeout=300).execute()
  assert _pictures(notebook) == _pictures(stored)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_stored_as_it_ran_from_the_top(path):
  notebook = nbformat.read(path, as_version=4)
  counts = [
    cell.execution_count for cell in notebook.cells if cell.cell_type == "code"
  ]
  assert counts == list(range(1, len(counts) + 1))
