"""Warm starts: training that starts from the variables of another run."""

import pathlib
from collections.abc import Iterable, Sequence

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from experiments.build import WarmStart
from experiments.build.imports import named_modules
from experiments.build.options import call
from experiments.build.text_data import TOKENIZER, tokenizer_of
from experiments.load_run import load_run
from robust_jax import parallel
from robust_jax.text.tokenizer import load_tokenizer
from robust_jax.types import PyTree


def warm_start_of(config: ConfigDict) -> WarmStart | None:
  """Makes the warm start of the config section of that name; None without.

  Raises:
    ValueError: there is no run, no such checkpoint in it, or its tokenizer is
      another one.
  """
  if "warm_start" not in config:
    return None
  _refuse_other_tokenizer(config)
  return call(warm_start, named_modules(config), **config.warm_start)


def warm_start(
  allow_imports: Iterable[str],
  /,
  run: str,
  fresh: Sequence[str] = (),
  which: str | int = "best",
) -> WarmStart:
  """Starts from the model that another run deploys, and says from which parts.

  Of a run of pre-training that is the encoder, without the heads.

  Args:
    allow_imports: see `load_run`.
    run: work directory of the other run.
    fresh: top-level names of parameters that keep their initial values, such as
      those of the layers after the features. All other variables, BatchNorm
      statistics included, are those of the run.
    which: the checkpoint, "best", "last" or a step, see `load_run`.

  Returns:
    `(variables) -> variables`, which raises a ValueError if names or shapes
    differ from those of the run.

  Raises:
    ValueError: there is no run, or no such checkpoint in it.
  """
  opened = load_run(pathlib.Path(run), which, allow_imports)
  trained = opened.variables
  if parallel.is_lead():
    taken = ", ".join(k for k in trained["params"] if k not in fresh)
    print(
      f"warm start from {run} at step {opened.step}: {taken}; "
      f"new: {', '.join(fresh) or 'nothing'}."
    )

  def start(initial: PyTree) -> PyTree:
    params = dict(initial["params"])
    for name in fresh:
      if name not in params:
        raise ValueError(
          f"warm_start.fresh names '{name}': expected some of "
          f"{', '.join(params)}, the model's parts."
        )
    loaded = {k: v for k, v in trained["params"].items() if k not in fresh}
    loaded |= {name: params[name] for name in fresh}
    variables = {**trained, "params": loaded}
    _check(run, variables, dict(initial))
    return jax.tree.map(jnp.asarray, variables)

  return start


def _refuse_other_tokenizer(config: ConfigDict) -> None:
  """Refuses a tokenizer whose tokens are not those of the run's embeddings."""
  file = pathlib.Path(config.warm_start.run, TOKENIZER)
  if config.data.kind != "text" or not file.exists():
    return
  if tokenizer_of(config).get_vocab() != load_tokenizer(file).get_vocab():
    raise ValueError(
      f"warm_start.run = '{config.warm_start.run}' has another tokenizer than "
      "the data: expected its own, as by --config.data.tokenizer.run="
      f"{config.warm_start.run}"
    )


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
        f"there and {here} here. Give a run of the same model, or list what "
        "differs in warm_start.fresh."
      )
