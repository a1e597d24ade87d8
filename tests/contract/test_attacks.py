"""Laws of every attack: what it must refuse, accept and return.

Each is called as a user calls it, with arrays and without `jax.jit`. The model
answers more classes than eight bits count.
"""

import functools
import gc
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend import core

from robust_jax import bounded_jit, lookup
from robust_jax.types import Attack
from tests.contract.members import ATTACKS, make_attack

KEY = jax.random.key(0)
K = 300
X = jax.random.uniform(jax.random.key(1), (3, 5, 6, 1)).at[0, :2].set(0.0)
TRACES = []


@pytest.fixture(params=ATTACKS, scope="module")
def name(request):
  """All laws are held against one attack before the next: few programs stay."""
  return request.param


def affine(weights, x):
  TRACES.append(1)
  return (x.reshape(len(x), -1) - 0.5).astype(jnp.float32) @ weights


def model(seed=0):
  weights = jax.random.normal(jax.random.key(seed), (30, K))
  return jax.tree_util.Partial(affine, weights)


MODEL = model()
LABELS = MODEL(X).argmax(axis=1)


@functools.cache
def attack_of(name):
  return make_attack(name)


@functools.cache
def answer(name, dtype="int32"):
  """The attack's result on the images, labels of that type."""
  labels = jnp.asarray(LABELS % 250, dtype)
  return attack_of(name)(KEY, MODEL, X, labels)


BAD = {
  "8 bits": (255 * X, LABELS, r"values from 0 to 2\d\d.*: expected \[0, 1\]"),
  "normalized": (2 * X - 1, LABELS, r"values from -1 .*: expected \[0, 1\]"),
  "NaN": (X.at[1, 2].set(jnp.nan), LABELS, "values from nan"),
  "integers": (jnp.ones(X.shape, int), LABELS, "dtype int32: expected floats"),
  "no example": (X[:0], LABELS[:0], "at least one example"),
  "1..K": (
    X,
    jnp.array([1, 2, K]),
    f"labels from 1 to {K}: expected 0..{K - 1}",
  ),
  "negative": (X, jnp.array([-1, 2, 3]), "labels from -1 to 3"),
  "one-hot": (
    X,
    jax.nn.one_hot(LABELS, K),
    r"shape \(3, 300\): expected \[3\]",
  ),
  "floats": (X, LABELS.astype(float), "dtype float32: expected integers"),
  "too few": (X, LABELS[:2], r"shape \(2,\): expected \[3, ...\]"),
  "a dict": (X, {"label": LABELS}, "labels of type dict: expected one array"),
}
NO_CLASSIFIER = {
  "a tuple": (lambda x: (MODEL(x), {}), r"returned a tuple: .* lambda x"),
  "a dict": (lambda x: {"logits": MODEL(x)}, r"returned a dict: .* lambda x"),
  "[B]": (lambda x: MODEL(x)[:, 0], r"returned shape \(3,\) .* \[3, K\]"),
  "[B, 1]": (lambda x: MODEL(x)[:, :1], r"\(3, 1\): .* two classes or more"),
  "classes": (lambda x: MODEL(x).astype(int), "returned int32: .* not classes"),
}


@pytest.fixture
def nothing_runs(monkeypatch):
  def run(*args):
    raise AssertionError("something was computed before it was refused")

  monkeypatch.setattr(bounded_jit, "call", run)


@pytest.mark.parametrize("kind", BAD)
def test_bad_images_and_labels_are_refused(name, kind, nothing_runs):
  x, labels, message = BAD[kind]
  with pytest.raises(ValueError, match=message):
    attack_of(name)(KEY, MODEL, x, labels)
  with pytest.raises(ValueError, match=message):
    attack_of(name)(KEY, MODEL, *jax.tree.map(np.asarray, (x, labels)))


@pytest.mark.parametrize("kind", NO_CLASSIFIER)
def test_models_that_answer_no_logits_are_refused(name, kind, nothing_runs):
  logits_fn, message = NO_CLASSIFIER[kind]
  with pytest.raises(ValueError, match=message):
    attack_of(name)(KEY, logits_fn, X, LABELS)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32"])
def test_the_type_of_labels_does_not_matter(name, dtype):
  jax.tree.map(np.testing.assert_array_equal, answer(name, dtype), answer(name))


def test_the_same_key_gives_the_same_answer(name):
  again = answer.__wrapped__(name)
  jax.tree.map(np.testing.assert_array_equal, again, answer(name))


def test_new_parameters_do_not_compile_again(name):
  labels = jnp.asarray(LABELS % 250, jnp.int32)
  answer(name)
  traces = []
  for parameters in (model(), model(seed=2)):
    before = len(TRACES)
    attack_of(name)(KEY, parameters, X, labels)
    traces.append(len(TRACES) - before)
  # AutoAttack traces at every call, to count what it costs.
  assert traces[0] == traces[1]


SIGNATURES = {
  name: inspect.signature(lookup.find("attacks", name)) for name in ATTACKS
}
HAS_RADIUS = [name for name in ATTACKS if "eps" in SIGNATURES[name].parameters]


@pytest.mark.parametrize(
  ("name", "dtype", "batch_size"),
  [
    (name, "bfloat16", 1)
    for name in ATTACKS
    if SIGNATURES[name].return_annotation == Attack
  ]
  + [(name, "float16", 3) for name in HAS_RADIUS],
)
def test_half_precision_stays_in_the_box_and_radius(name, dtype, batch_size):
  x = X[:batch_size].astype(dtype)
  result = attack_of(name)(KEY, MODEL, x, LABELS[:batch_size])
  if result.shape != x.shape:
    pytest.skip("its result is no image, but a patch for any")
  assert result.dtype == x.dtype
  assert_in_box_and_radius(name, x, result)


def assert_in_box_and_radius(name, x, x_adv):
  x_adv, x = (np.asarray(a, np.float64) for a in (x_adv, x))
  assert x_adv.min() >= 0
  assert x_adv.max() <= 1
  if name in HAS_RADIUS:
    order = 1 if name == "apgd_l1" else np.inf
    change = np.linalg.norm((x_adv - x).reshape(len(x), -1), order, axis=1)
    assert (change <= 0.1 * (1 + 1e-5)).all()


def changes_each_image(name):
  return SIGNATURES[name].return_annotation == Attack


def test_images_stay_images_in_the_radius(name):
  if not changes_each_image(name):
    pytest.skip("it makes one change for all images")
  x_adv = answer(name)
  assert (x_adv.shape, x_adv.dtype) == (X.shape, X.dtype)
  assert_in_box_and_radius(name, X, x_adv)


def test_changing_the_neighbors_changes_nothing(name):
  if not changes_each_image(name):
    pytest.skip("it makes one change for all images")
  labels = LABELS % 250
  x = X.at[1].set(0.5).at[2].set(1 - X[2])
  mixed = labels.at[1].set(3).at[2].set(MODEL(x)[2].argmax())
  x_adv = attack_of(name)(KEY, MODEL, x, jnp.asarray(mixed, jnp.int32))
  np.testing.assert_allclose(x_adv[0], answer(name)[0], rtol=1e-6, atol=1e-6)
  if (x_adv[0] == X[0]).all():
    pytest.skip("so few steps do not change the image")


def half(weights, x):
  """A model that computes in bfloat16."""
  x = x.reshape(len(x), -1) - 0.5
  return jnp.float32(x.astype(jnp.bfloat16) @ weights.astype(jnp.bfloat16))


def test_nothing_is_bfloat16_but_a_model_that_is(name):
  """Neither the answer nor what is kept from one step to the next."""
  bfloat16_model = jax.tree_util.Partial(half, MODEL.args[0])
  args = KEY, bfloat16_model, X, LABELS
  try:
    program = jax.make_jaxpr(attack_of(name))(*args)
  except ValueError as error:
    pytest.skip(f"its answer is tested below; {error}")
  assert "bf16" in str(program)
  assert all(v.dtype == jnp.float32 for v in program.out_avals)
  for eqn in loops(program.jaxpr):
    assert all(v.aval.dtype != jnp.bfloat16 for v in eqn.outvars)


def loops(jaxpr):
  """Of a program, and of those within it; their outputs are what they keep."""
  for eqn in jaxpr.eqns:
    if eqn.primitive.name in ("while", "scan"):
      yield eqn
    for inner in core.jaxprs_in_params(eqn.params):
      yield from loops(inner)


@pytest.mark.parametrize("name", HAS_RADIUS)
def test_attacks_on_a_bfloat16_model_stay_in_the_box_and_radius(name):
  bfloat16_model = jax.tree_util.Partial(half, MODEL.args[0])
  x_adv = attack_of(name)(KEY, bfloat16_model, X, LABELS)
  assert x_adv.dtype == jnp.float32
  assert_in_box_and_radius(name, X, x_adv)


def test_calls_with_the_same_shapes_keep_nothing(name):
  answer(name)
  counts = []
  for _ in range(2):
    answer.__wrapped__(name)
    gc.collect()
    counts.append(sum(isinstance(o, core.Jaxpr) for o in gc.get_objects()))
  assert counts[0] == counts[1]
