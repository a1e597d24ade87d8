"""Attacks as flags name them, in the terms of a config.

`--attack=pgd,num_steps=50,fgsm` names two attacks, the first with an option of
its own; `--norm` and `--eps` are those of all. They are written into the
config, so that what follows knows attacks of configs alone.
"""

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from experiments.build import sections
from experiments.build.options import REQUIRED
from experiments.cli import main_flags as given
from experiments.cli.named_options import section as parsed
from robust_jax import lookup

Section = dict[str, Any]

_INNER = ("set", "search")  # sections in that of an attack


def of_flags(
  config: ConfigDict, parts: Sequence[str]
) -> tuple[ConfigDict, list[str]]:
  """Returns `named_attacks` of the value of --attack, and --norm and --eps."""
  return named_attacks(config, parts, given.NORM.value, given.EPS.value)


def refuse_flags_of_images() -> None:
  """Checks that no flag is given that is for attacks on images alone.

  Raises:
    ValueError: there is one.
  """
  for name in ("norm", "eps", "data"):
    if flags.FLAGS[name].present:
      raise ValueError(
        f"--{name} is for images, and the run is one of texts: leave it out."
      )


def named_attacks(
  config: ConfigDict,
  parts: Sequence[str],
  norm: str | None = None,
  eps: float | None = None,
) -> tuple[ConfigDict, list[str]]:
  """Returns a config with the attacks that flags describe, and their names.

  A name is one of the config's attacks, "autoattack", a member of `attacks` or
  of `search`, or "package.module:function". A search maximizes the
  cross-entropy over the ball of `evaluation.autoattack`.

  Args:
    config: a config with a section `evaluation`, which is not edited.
    parts: what the flag has between commas: names, each followed by options
      `option=value` of the attack, of its set or of its search.
    norm: norm of the ball of all attacks; None for that of each.
    eps: radius of the ball in input units; None for that of each.

  Raises:
    ValueError: an attack has no such option, or no ball, or norm and radius do
      not come together.
  """
  made = config.copy_and_resolve_references().unlock()
  evaluation = made.evaluation
  evaluation.attacks = evaluation.get("attacks", ConfigDict())
  if norm is not None and eps is None:
    raise ValueError(
      f"--norm={norm}: expected its radius too, as in --norm={norm} "
      "--eps=8/255."
    )
  if eps is not None:
    ball = {"norm": norm, "eps": eps} if norm else {"eps": eps}
    threat = evaluation.get("autoattack", ConfigDict()).to_dict()
    if "norm" in (threat | ball):
      evaluation.autoattack = {"version": "standard", **threat, **ball}
  names: list[str] = []
  for name, options in _by_name(parts):
    if options and name in names:
      raise ValueError(
        f"--attack names '{name}' twice with options: evaluate one at a time."
      )
    described = _section(name, evaluation)
    if lookup.imported_module(name) and (options or eps is not None):
      name = name.rpartition(":")[2]  # fields of a config have no dots
    names.append(name)
    if name == "autoattack":
      _set_options(name, evaluation, "autoattack", options)
    elif described and "." not in name:
      if eps is not None:
        _set_ball(described, norm, eps)
      evaluation.attacks[name] = described
      _set_options(name, evaluation.attacks, name, options)
  return made.lock(), names


def _by_name(parts: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
  found: list[tuple[str, list[str]]] = []
  for part in parts:
    if "=" not in part:
      found.append((part, []))
    elif found:
      found[-1][1].append(part)
    else:
      raise ValueError(
        f"--attack={part}: expected the name of an attack first, as in "
        f"--attack=pgd,{part}."
      )
  yield from found


def _section(name: str, evaluation: ConfigDict) -> Section:
  """Returns the section of an attack; empty if there is none of that name."""
  if name in evaluation.attacks:
    return evaluation.attacks[name].to_dict()
  ball = evaluation.get("autoattack", ConfigDict()).to_dict()
  if name in lookup.members("attacks") or lookup.imported_module(name):
    options = sections.options_of("attack", {"name": name})
    needs = [o for o in ("norm", "eps") if options.get(o) is REQUIRED]
    return {"name": name} | {o: ball[o] for o in needs if o in ball}
  if name not in lookup.members("search"):
    return {}
  if not ball:
    raise ValueError(
      f"--attack={name} is a search, and the config has no section "
      "evaluation.autoattack: expected a ball, as in --norm=linf --eps=8/255."
    )
  return {
    "name": "compose",
    "search": {"name": name},
    "set": {"name": ball["norm"], "eps": ball["eps"]},
    "objective": "cross_entropy",
  }


def _set_ball(section: Section, norm: str | None, eps: float) -> None:
  if "set" in section:
    old = section["set"]
    same = norm is None or norm == old["name"]
    section["set"] = {**(old if same else {"name": norm}), "eps": eps}
    return
  known = sections.options_of("attack", section)
  for option, value in (("norm", norm), ("eps", eps)):
    if value is not None and option not in known:
      raise ValueError(
        f"--{option}={value}: the attack '{section['name']}' has no option "
        f"'{option}', it has {', '.join(known)}: leave --{option} out."
      )
    if value is not None:
      section[option] = value


def _set_options(
  attack: str, parent: ConfigDict, field: str, options: Sequence[str]
) -> None:
  """Sets options of a section of `parent`, or of its set or its search."""
  for option in options:
    (name, value) = list(parsed([attack, option]).items())[-1]
    places = _places(parent.get(field, ConfigDict()))
    place = next((section for section, known in places if name in known), None)
    if place is None:
      known = list(dict.fromkeys(n for _, names in places for n in names))
      near = difflib.get_close_matches(name, known, n=1)
      hint = f"did you mean '{near[0]}'? It has" if near else "it has"
      raise ValueError(
        f"--attack={attack},{option}: '{attack}' has no option '{name}'; "
        f"{hint} {', '.join(known) or 'none'}."
      )
    with place.ignore_type():
      place[name] = value


def _places(section: ConfigDict) -> list[tuple[ConfigDict, list[str]]]:
  """Returns sections in which an option may be, and the options of each."""
  if "name" not in section:  # evaluation.autoattack
    return [(section, list(section))]
  inner = [(field, section[field]) for field in _INNER if field in section]
  found = [("attack", section), *inner]
  return [
    (one, [o for o in sections.options_of(field, one) if o not in _INNER])
    for field, one in found
  ]
