"""Training that begins with what another run has learned."""

import pathlib
from collections.abc import Iterable, Sequence

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from experiments.build import WarmStart
from experiments.build.imports import named_modules
from experiments.build.sections import call
from experiments.load_run import load_run
from robust_jax.types import PyTree


def warm_start_of(config: ConfigDict) -> WarmStart | None:
  """The `warm_start` whose options are the section of that name, if any.

  Raises:
    ValueError: there is no run, or no checkpoint in it.
  """
  if "warm_start" not in config:
    return None
  return call(warm_start, named_modules(config), **config.warm_start)


def warm_start(
  allow_imports: Iterable[str], /, run: str, fresh: Sequence[str] = ()
) -> WarmStart:
  """Begins with the model that another run deploys, at its best checkpoint.

  Args:
    allow_imports: as `load_run` takes it.
    run: its work directory.
    fresh: top-level names of parameters that stay as they were initialized,
      such as those of the layers behind the features. What else the variables
      hold, such as BatchNorm's statistics, is the run's.

  Returns:
    `(variables) -> variables`, which raises a ValueError where names or shapes
    are not those of the run.

  Raises:
    ValueError: there is no run, or no checkpoint in it.
  """
  path = pathlib.Path(run)
  trained = load_run(path, allow_imports=allow_imports).variables

  def begin(initial: PyTree) -> PyTree:
    params = dict(initial["params"])
    for name in fresh:
      if name not in params:
        raise ValueError(
          f"warm_start.fresh names '{name}': expected some of "
          f"{', '.join(params)}, the model's parts."
        )
    kept = {k: v for k, v in trained["params"].items() if k not in fresh}
    kept |= {name: params[name] for name in fresh}
    begun = {**trained, "params": kept}
    _check(run, begun, dict(initial))
    return jax.tree.map(jnp.asarray, begun)

  return begin


def _check(run, theirs, ours):
  shapes = [
    {
      jax.tree_util.keystr(p, simple=True, separator="."): leaf.shape
      for p, leaf in jax.tree_util.tree_leaves_with_path(variables)
    }
    for variables in (theirs, ours)
  ]
  for name in sorted(shapes[0] | shapes[1]):
    there, here = (s.get(name, "nothing") for s in shapes)
    if there != here:
      raise ValueError(
        f"warm_start.run = '{run}' is of another model: {name} is {there} "
        f"there and {here} here. Give a run of the same model, or name what "
        "differs in warm_start.fresh."
      )
