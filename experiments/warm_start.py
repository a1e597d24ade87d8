"""Training that begins with what another run has learnt."""

import pathlib
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from experiments import workdir
from experiments.variant import variant
from robust_jax.types import PyTree


def warm_start(
  run: str, fresh: Sequence[str] = ()
) -> Callable[[PyTree], PyTree]:
  """What a model's initial variables become: those of a run's best checkpoint.

  Args:
    run: its work directory; "" leaves them as they were initialised.
    fresh: top-level names of parameters that stay as they were initialised,
      such as those of the layers behind the features. What else the variables
      hold, such as BatchNorm's statistics, is the run's.

  Returns:
    `(variables) -> variables`, which raises a ValueError where names or shapes
    are not those of the run.

  Raises:
    ValueError: there is no run, or no checkpoint in it.
  """
  if not run:
    return lambda variables: variables
  trained = variables(pathlib.Path(run))

  def begin(initial: PyTree) -> PyTree:
    params = dict(initial["params"])
    for name in fresh:
      if name not in params:
        raise ValueError(
          f"warm_start.fresh names '{name}': wanted some of "
          f"{', '.join(params)}, the model's parts."
        )
    kept = {k: v for k, v in trained["params"].items() if k not in fresh}
    kept |= {name: params[name] for name in fresh}
    begun = {**trained, "params": kept}
    _check(run, begun, dict(initial))
    return jax.tree.map(jnp.asarray, begun)

  return begin


def began(config: ConfigDict) -> ConfigDict:
  """The config of a run that has begun: what it began with may be gone."""
  if "warm_start" not in config:
    return config
  return variant(config, {"warm_start": {"run": ""}})


def variables(run: pathlib.Path) -> PyTree:
  """Those of the model at the run's best checkpoint.

  Raises:
    ValueError: there is no run, or no checkpoint in it.
  """
  with workdir.open_checkpoints(run) as checkpoints:
    state = checkpoints.read_best()
  # Where there is an adversary as well, the model is one of the players.
  params = state["params"].get("model", state["params"])
  return {"params": params, **(state.get("model_state") or {})}


def _check(run, theirs, ours):
  shapes = [
    {
      jax.tree_util.keystr(p, simple=True, separator="."): leaf.shape
      for p, leaf in _leaves(variables)
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


def _leaves(variables):
  return jax.tree_util.tree_leaves_with_path(variables)
