"""The members that the contracts are held against, found, not listed.

What a member can be held to is found out as well: what inputs a set is for,
whether it adds its perturbation to x, is convex, has a gradient; whether a
search makes backward passes.
"""

import functools
import inspect
import typing

import jax
import jax.numpy as jnp

from robust_jax import attacks, lookup, losses, perturbations, search
from robust_jax.attacks.universal.adversarial_patch import random_placement
from robust_jax.types import Array, Attack, PerturbationSet, PyTree

SETS = lookup.members("perturbations")
SEARCHES = lookup.members("search")
ATTACKS = lookup.members("attacks")

# What factories ask for and have no default of.
REQUIRED = {
  "eps": 0.1,
  "k": 5,
  "height": 3,
  "width": 4,
  "candidates": (jnp.arange(7)[:, None] + jnp.array([1, 3])) % 7,
  "max_changes": 2,
}
_PARTS = {"a": "l2", "b": "linf"}
# A few steps, rounds, queries are as lawful as many.
_FEW = 3


def make_set(name: str, scale=1.0) -> PerturbationSet:
  """A set by name, its traced parameters `scale` times what is usual.

  Traced are those of type Array: the radius eps, or ranges with defaults. The
  scale itself may be a tracer or `[B]`.
  """
  factory = lookup.find("perturbations", name)
  options = {}
  for parameter in inspect.signature(factory).parameters.values():
    value = parameter.default
    if value is parameter.empty:
      value = REQUIRED.get(parameter.name)
    if parameter.annotation is PerturbationSet:
      value = make_set(_PARTS[parameter.name], scale)
    elif value is not None and Array in typing.get_args(parameter.annotation):
      value = _scaled(value, scale)
    options[parameter.name] = value
  return factory(**options)


def _scaled(value, scale):
  if isinstance(value, int):
    return jnp.round(value * jnp.asarray(scale)).astype(jnp.int32)
  return value * scale


def make_attack(
  name: str, norm: str = "linf", *, scale: float = 1.0, most: int = _FEW
) -> Attack:
  """An attack by name, of a few steps, and of radius 0.1 where it has one.

  Args:
    name: of the attack.
    norm: of its ball, or of the distance.
    scale: of the radius.
    most: steps, rounds and queries at most; of restarts and images of a batch
      there is one.
  """
  factory = lookup.find("attacks", name)
  ball = make_set(norm, scale)
  required = {
    "norm": norm,
    "eps": REQUIRED["eps"] * scale,
    "largest": 1.0,
    "pset": ball,
    "search": search.pgd,
    "objective": losses.margin,
    "draw": random_placement(),
    "attack": _plain_attack,
    "make_attack": lambda eps: attacks.compose(
      search.pgd, perturbations.linf(eps), losses.margin, num_steps=most
    ),
  }
  options = {}
  for parameter in inspect.signature(factory).parameters.values():
    if parameter.kind is parameter.VAR_KEYWORD:
      continue
    value = parameter.default
    if value is parameter.empty:
      value = required[parameter.name]
    elif type(value) is int:
      one = parameter.name in ("batch_size", "restarts")
      value = 1 if one else min(value, most)
    if parameter.name == "norm":
      value = norm
    options[parameter.name] = value
  return factory(**options)


def _plain_attack(key, model, x, labels):
  """As a user writes one, who does not think of rounding or of checks."""
  del key
  loss = lambda x_adv: losses.margin(model(x_adv), labels).sum()
  step = REQUIRED["eps"] * jnp.sign(jax.grad(loss)(x))
  return jnp.clip(x + step, 0, 1).astype(x.dtype)


def scales(name: str) -> list[float]:
  """A radius may be of any size; a range only what its factory says."""
  factory = lookup.find("perturbations", name)
  if "eps" in inspect.signature(factory).parameters:
    return [0.0, 0.1, 1.0, 5.0, 20.0]
  return [0.0, 0.3, 1.0]


def inputs(name: str, **options) -> PyTree:
  """Six examples of the kind that the set of that name is for.

  Args:
    name: of the set.
    **options: as for `images`; of no meaning for other kinds.
  """
  return _KINDS[kind_of(name)](**options)


@functools.cache
def kind_of(name: str) -> str:
  """The first kind of input that the set's own check accepts."""

  def accepts(sample):
    try:
      make_set(name).check(sample())
    except ValueError:
      return False
    return True

  return next(kind for kind, sample in _KINDS.items() if accepts(sample))


def channels_of(name: str) -> list[int]:
  """Numbers of channels to test the set with."""
  return [1, 3] if kind_of(name) == "images" else [3]


@functools.cache
def images(*, channels=3, low=0.0, high=1.0, edges=False):
  """Six random images `[6, 6, 6, C]`.

  With `edges`, a fifth of the entries are exactly `low` and a fifth `high`.
  """
  unit = jax.random.uniform(jax.random.key(7), (6, 6, 6, channels), jnp.float32)
  if edges:
    unit = jnp.clip((unit - 0.2) / 0.6, 0.0, 1.0)
  return low + (high - low) * unit


def _activations(**options):
  return 4 * images(**options) - 2


@functools.cache
def _text():
  """Six texts of one to six tokens, out of seven, and two variants of each.

  Their embeddings are changed.
  """
  tokens = jax.random.randint(jax.random.key(7), (6, 6), 0, 7)
  text = {"tokens": tokens, "mask": jnp.arange(6) <= jnp.arange(6)[:, None]}
  others = jax.tree.map(lambda a: jnp.stack([a[::-1], a[:, ::-1]], 1), text)
  delta = jax.random.normal(jax.random.key(8), (6, 6, REQUIRED["width"]))
  return {**text, "delta": delta, "variants": others}


# The widest first: whatever accepts activations accepts images too.
_KINDS = {
  "activations": _activations,
  "images": images,
  "text": lambda **_: _text(),
}


def random_like(seed, like, size=1.0):
  """Normal random floats of the structure and shapes of a pytree."""
  leaves, treedef = jax.tree.flatten(like)
  keys = jax.random.split(jax.random.key(seed), len(leaves))
  return treedef.unflatten(
    size * jax.random.normal(key, leaf.shape)
    for key, leaf in zip(keys, leaves, strict=True)
  )


def bumpy(x):
  """A smooth objective with many maxima, `[B, ...]` -> `[B]`."""
  leaves = [leaf.reshape(len(leaf), -1) for leaf in jax.tree.leaves(x)]
  flat = jnp.concatenate(leaves, axis=1).astype(jnp.float32)
  phase = jnp.arange(flat.shape[1])
  return jnp.sum(jnp.sin(9 * flat + phase) * jnp.cos(phase), axis=1)


@functools.cache
def is_additive(name: str) -> bool:
  """apply(x, delta) is x + delta, as far as the box lets it."""
  x, pset = inputs(name, low=0.4, high=0.6), make_set(name)
  delta = jax.jit(functools.partial(_feasible, name, 0))(x)
  if jax.tree.structure(delta) != jax.tree.structure(x):
    return False
  return delta.shape == x.shape and _close(pset.apply(x, delta), x + delta)


@functools.cache
def is_convex(name: str) -> bool:
  """The middle of two feasible deltas is feasible."""

  @jax.jit
  def middle(x):
    ends = _feasible(name, 0, x), _feasible(name, 1, x)
    delta = jax.tree.map(lambda a, b: (a + b) / 2, *ends)
    return delta, make_set(name).project(x, delta)

  delta, projected = middle(inputs(name, low=0.4, high=0.6))
  pairs = jax.tree.map(_close, delta, projected)
  return all(jax.tree.leaves(pairs))


@functools.cache
def has_gradient(name: str) -> bool:
  """A set without one is discrete: first-order searches have no say there."""
  x, pset = inputs(name), make_set(name)
  pull = jax.grad(lambda t: bumpy(pset.apply(x, t)).sum())
  grads = jax.tree.leaves(jax.jit(pull)(pset.zero(x)))
  return any(bool(jnp.any(grad != 0)) for grad in grads)


def _feasible(name, seed, x):
  pset = make_set(name)
  return pset.project(x, pset.sample(jax.random.key(seed), x))


class _Differentiated(Exception):
  """The search asked for a gradient."""


@functools.cache
def is_first_order(name: str) -> bool:
  """The search takes the gradient of its objective; others need none."""
  search = lookup.find("search", name)
  sets = (n for n in SETS if make_set(n).grid is not None and has_gradient(n))
  pset = make_set(next(sets))  # no search refuses it
  objective = jax.custom_jvp(bumpy)

  @objective.defjvp
  def refuse(*_):
    raise _Differentiated

  try:
    jax.eval_shape(
      lambda x: search(jax.random.key(0), objective, pset, x), images()
    )
  except _Differentiated:
    return True
  return False


def a_few(name: str) -> dict[str, int]:
  """Options by which a search without gradients makes few evaluations.

  It is not held to the optimum, which is what its default is for.
  """
  if is_first_order(name):
    return {}
  parameters = inspect.signature(lookup.find("search", name)).parameters
  return {
    option: min(parameter.default, 20)
    for option, parameter in parameters.items()
    if option.startswith("num_") and parameter.default
  }


class _Accepted(Exception):
  """The search went on to use the set."""


@functools.cache
def needs_grid(name: str) -> bool:
  """The search refuses what cannot be enumerated, before it looks at it."""

  def use(*args):
    raise _Accepted

  search = lookup.find("search", name)
  pset = make_set("linf")._replace(zero=use, sample=use)
  try:
    jax.eval_shape(
      lambda x: search(jax.random.key(0), bumpy, pset, x), images()
    )
  except _Accepted:
    return False
  except ValueError:
    return True
  raise AssertionError(f"{name} does not use the set")


@functools.cache
def uses_key(name: str) -> bool:
  """The search does not do without a key."""
  search, pset = lookup.find("search", name), make_set("shift")
  try:
    jax.eval_shape(lambda x: search(None, bumpy, pset, x), images())
  except TypeError:
    return True
  return False


def _close(a, b) -> bool:
  return bool(jnp.allclose(a, b, atol=1e-6))
