"""Laws of every model; they are discovered, not listed."""

import functools
import inspect

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.extend import core

from robust_jax import lookup, precision
from robust_jax.models.inference import inference_fn
from tests.contract.samples import called, first_accepted, random_variables

PACKAGE = "models"
NAMES = lookup.members(PACKAGE)
KEY, OTHER = jax.random.key(0), jax.random.key(1)
B, K, V = 4, 5, 7
# Operations of JAX that need more digits than bfloat16 has.
INEXACT = {
  "rsqrt",
  "sqrt",
  "exp",
  "log",
  "tanh",
  "logistic",
  "reduce_sum",
}
# Small ones, with all that there is to switch on; what a model does not ask for
# is not used.
SAMPLES = {
  "batch_norm": "per_device",
  "depth": 10,
  "dropout": 0.5,
  "embedding_size": 32,
  "group_size": 4,
  "hidden": (6,),
  "image_shape": (8, 8, 3),
  "mapping_rate": 1.0,
  "num_blocks": (1, 1),
  "num_classes": K,
  "num_features": K,
  "num_heads": 2,
  # Its power iteration multiplies kernels, which are float32.
  "spectral_norm": False,
  "target_shape": (8, 8, 3),
  "vocabulary_size": V,
  "width": 4,
  "widths": (4, 8),
  "widen": 1,
}

# Largest entries of random kernels, where with those of the others noise images
# hardly differ in the outputs: a class token attends to all pixels alike.
KERNELS = {"xcit": 0.5}


def kinds_of_input(seed):
  """The arguments of a call, of B examples of each kind."""
  rng = np.random.default_rng(seed)
  x = rng.random((B, 8, 8, 3), np.float32)
  labels = np.eye(K, dtype=np.float32)[rng.integers(0, K, B)]
  text = {
    "tokens": rng.integers(0, V, (B, 6)),
    "mask": np.arange(6) < rng.integers(1, 7, B)[:, None],
  }
  words = {"tokens": rng.integers(0, V, (B, 6, 5)), "mask": text["mask"]}
  return {
    "images": (x,),
    "large images": (rng.random((B, 32, 32, 3), np.float32),),
    "labeled images": (x, labels),
    "text": (text,),
    "words": (words,),
  }


def fields(name):
  return inspect.signature(lookup.find(PACKAGE, name)).parameters


def is_split(name):
  cls = lookup.find(PACKAGE, name)
  parts = (getattr(cls, part, None) for part in ("features", "head"))
  return all(map(callable, parts))


def make(name, **options):
  return called(lookup.find(PACKAGE, name), SAMPLES | options)


@functools.cache
def kind_of(name):
  """The first kind of input that it can be called with."""
  call = functools.partial(jax.eval_shape, make(name).init, KEY)
  return first_accepted(
    name, lambda kind: call(*kinds_of_input(0)[kind]), kinds_of_input(0)
  )


def inputs(name, seed=0):
  return kinds_of_input(seed)[kind_of(name)]


def variables_of(name):
  kernel = KERNELS.get(name, 0.1)
  return random_variables(make(name), *inputs(name), kernel=kernel)


class Trained:
  """A small model with variables; each of its functions is compiled once."""

  def __init__(self, name):
    self.name, self.model = name, make(name)
    self.variables = variables_of(name)
    state = [kind for kind in self.variables if kind != "params"]
    run = functools.partial(self.model.apply, mutable=state)
    self._infer = jax.jit(run)
    self._train = jax.jit(
      lambda variables, key, *x: run(
        variables, *x, train=True, rngs={"dropout": key}
      )
    )

  def infer(self, x):
    """(outputs, what else the model returns of its variables)."""
    return self._infer(self.variables, *x)

  def outputs(self, x):
    return self.infer(x)[0]

  def train(self, key):
    """As `infer`, of a training pass on the first inputs."""
    return self._train(self.variables, key, *inputs(self.name))


@pytest.fixture(params=NAMES, scope="module")
def trained(request):
  """All laws are held against one model before the next."""
  return Trained(request.param)


@pytest.mark.parametrize("name", NAMES)
def test_it_lives_in_the_module_of_its_name(name):
  assert name.replace("_", "") == lookup.find(PACKAGE, name).__name__.lower()


def test_outputs_are_float32_and_finite(trained):
  outputs = trained.outputs(inputs(trained.name))
  for leaf in jax.tree.leaves(outputs):
    assert leaf.shape[0] == B
    assert leaf.dtype == jnp.float32
    assert np.isfinite(leaf).all()
    assert len(np.unique(leaf, axis=0)) == B  # it looks at its inputs


def test_neighbors_change_nothing_in_inference(trained):
  x, other = inputs(trained.name), inputs(trained.name, seed=1)
  stay = np.array([0, 3])
  mixed = jax.tree.map(np.array, other)
  for leaf, kept in zip(
    jax.tree.leaves(mixed), jax.tree.leaves(x), strict=True
  ):
    leaf[stay] = kept[stay]
  outputs = trained.outputs(x)
  rows = lambda tree, index: jax.tree.map(lambda leaf: leaf[index], tree)
  same = chex.assert_trees_all_equal
  same(rows(outputs, stay), rows(trained.outputs(mixed), stay))
  same(outputs, trained.outputs(x))
  backwards = slice(None, None, -1)
  same(rows(outputs, backwards), trained.outputs(rows(x, backwards)))


def test_one_example_has_the_outputs_that_it_has_in_a_batch(trained):
  x = inputs(trained.name)
  alone = trained.outputs(jax.tree.map(lambda leaf: leaf[:1], x))
  together = jax.tree.map(lambda leaf: leaf[:1], trained.outputs(x))
  chex.assert_trees_all_close(alone, together, rtol=1e-5, atol=1e-5)


def test_only_training_has_statistics_of_the_batch_and_dropout(trained):
  outputs, same = trained.infer(inputs(trained.name))
  before = trained.variables.get("batch_stats", {})
  jax.tree.map(
    np.testing.assert_array_equal, same.get("batch_stats", {}), before
  )
  after, state = trained.train(KEY)
  chex.assert_trees_all_equal(trained.train(KEY)[0], after)
  random = {"dropout", "style_mixing"} & set(fields(trained.name))
  if random:
    assert not np.array_equal(trained.train(OTHER)[0], after)
  if "batch_norm" in fields(trained.name):
    assert before
    moved = jax.tree.map(
      lambda a, b: (a != b).all(), state["batch_stats"], before
    )
    assert all(jax.tree.leaves(moved))
  if not random and "batch_norm" not in fields(trained.name):
    chex.assert_trees_all_equal(after, outputs)


def test_folding_normalization_changes_roundings_alone(trained):
  """Of values and gradients; nothing, where there is nothing to fold."""
  x, *others = inputs(trained.name)

  def run(fold, x):
    model = inference_fn(
      trained.model, trained.variables, fold_normalization=fold
    )
    if not isinstance(x, np.ndarray | jax.Array):  # tokens have no gradient
      return model(x, *others)
    outputs, pull = jax.vjp(lambda x: model(x, *others), x)
    return outputs, pull(jax.tree.map(jnp.cos, outputs))

  folded, plain = (
    jax.jit(functools.partial(run, fold))(x) for fold in (True, False)
  )
  if "batch_stats" not in trained.variables:
    chex.assert_trees_all_equal(folded, plain)
  for a, b in zip(jax.tree.leaves(folded), jax.tree.leaves(plain), strict=True):
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * np.abs(b).max())


def test_gradients_are_finite_and_reach_every_channel(trained):
  """Of images without any contrast too: no deviation is divided by."""
  x, *others = inputs(trained.name)
  if not isinstance(x, np.ndarray):
    pytest.skip("tokens have no gradient")

  def uneven(x, variables):
    outputs = trained.model.apply(variables, x, *others)
    flat = [leaf.reshape(B, -1) for leaf in jax.tree.leaves(outputs)]
    flat = jnp.concatenate(flat, axis=1)
    return jnp.sum(flat * jnp.cos(jnp.arange(flat.shape[1])))

  gradient = jax.jit(jax.grad(uneven))
  assert np.isfinite(gradient(np.zeros_like(x), trained.variables)).all()
  grads = gradient(x, trained.variables)
  assert np.isfinite(grads).all()
  assert (np.abs(grads).max((0, 1, 2)) > 0).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_inputs_have_float32_outputs(trained, dtype):
  halved = jax.tree.map(
    lambda leaf: leaf.astype(dtype) if leaf.dtype == np.float32 else leaf,
    inputs(trained.name),
  )
  outputs, _ = jax.eval_shape(trained.infer, halved)
  assert {leaf.dtype.name for leaf in jax.tree.leaves(outputs)} == {"float32"}


@pytest.mark.parametrize(
  "name", [n for n in NAMES if "num_classes" in fields(n)]
)
def test_as_many_classes_as_are_asked_for(name):
  """They are what it tells, or what it is told."""

  def shape(model, x):
    """Of the logits, which a detector returns beside its boxes."""
    outputs = jax.eval_shape(lambda *x: model.init_with_output(KEY, *x)[0], *x)
    return (outputs["heatmap"] if isinstance(outputs, dict) else outputs).shape

  x, more = inputs(name), make(name, num_classes=K + 1)
  if kind_of(name) == "labeled images":
    with pytest.raises(ValueError, match=str(K + 1)):
      shape(more, x)
  else:
    shapes = [shape(m, x) for m in (make(name), more)]
    assert [(s[0], s[-1]) for s in shapes] == [(B, K), (B, K + 1)]


@pytest.mark.parametrize("name", [n for n in NAMES if "mean" in fields(n)])
def test_pixel_statistics_act_before_the_first_layer(name):
  mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 2.0)
  (x,), variables = inputs(name), variables_of(name)
  outside = (x - np.float32(mean)) / np.float32(std)
  inside, plain = (
    jax.jit(model.apply)(variables, x)
    for model, x in ((make(name, mean=mean, std=std), x), (make(name), outside))
  )
  # One compiler may multiply by 1 / std where the other divides.
  chex.assert_trees_all_close(inside, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [n for n in NAMES if is_split(n)])
def test_its_head_answers_its_features(name):
  model, variables, x = make(name), variables_of(name), inputs(name)

  @jax.jit
  def both(variables, *x):
    h = model.apply(variables, *x, method="features")
    return model.apply(variables, *x), model.apply(variables, h, method="head")

  chex.assert_trees_all_close(*both(variables, *x), rtol=1e-6, atol=1e-6)


def training_pass(name, dtype):
  """Variables, key and inputs -> outputs and new statistics."""
  model = make(name, dtype=precision.compute_dtype(dtype))

  def run(variables, key, *x):
    options = {"mutable": ["batch_stats"], "rngs": {"dropout": key}}
    return model.apply(variables, *x, train=True, **options)

  return run


def equations(jaxpr):
  """Of a program, and of those within it."""
  for eqn in jaxpr.eqns:
    yield eqn
    for inner in core.jaxprs_in_params(eqn.params):
      yield from equations(inner)


@pytest.mark.parametrize("name", NAMES)
def test_a_float32_model_computes_in_nothing_else(name):
  assert make(name) == make(name, dtype=precision.compute_dtype("float32"))
  run, x = training_pass(name, "float32"), inputs(name)
  program = jax.make_jaxpr(run)(variables_of(name), KEY, *x)
  assert "bf16" not in str(program)


@pytest.mark.parametrize("name", NAMES)
def test_a_bfloat16_model_multiplies_in_it_in_all_layers_but_the_last(name):
  run, x = training_pass(name, "bfloat16"), inputs(name)
  variables = variables_of(name)
  # An autoencoder is two networks, each with a last layer; a discriminator that
  # is told the class has one for the features and one for the label.
  is_told = len(x) == 2 and "image_shape" not in fields(name)
  last = 1 + callable(getattr(make(name), "decode", None)) + is_told
  forward = precision.products(run, variables, KEY, *x)
  assert set(forward) <= {"bfloat16", "float32"}
  assert forward.count("float32") == last
  assert forward[-1] == "float32"
  loss = lambda variables: optax.tree.sum(run(variables, KEY, *x)[0])
  # Each with those to its kernel and to what it is given.
  both = precision.products(jax.grad(loss), variables)
  assert both.count("float32") <= 3 * last


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_layer_of_a_bfloat16_model_is_float32(name):
  """Parameters, statistics and their arithmetic, features, outputs."""
  run, x = training_pass(name, "bfloat16"), inputs(name)
  variables = variables_of(name)
  model = make(name, dtype=jnp.bfloat16)
  kept = [
    jax.eval_shape(model.init, KEY, *x),
    jax.eval_shape(run, variables, KEY, *x),
  ]
  if is_split(name):
    features = functools.partial(model.apply, method="features")
    kept.append(jax.eval_shape(features, variables, *x))
  assert {leaf.dtype.name for leaf in jax.tree.leaves(kept)} == {"float32"}
  found = {
    eqn.primitive.name
    for eqn in equations(jax.make_jaxpr(run)(variables, KEY, *x).jaxpr)
    if any(v.aval.dtype == jnp.bfloat16 for v in eqn.outvars)
  }
  assert not found & INEXACT


def test_bfloat16_outputs_are_near_those_of_float32(trained):
  x = inputs(trained.name)
  model = make(trained.name, dtype=jnp.bfloat16)
  exact, near = trained.outputs(x), jax.jit(model.apply)(trained.variables, *x)
  # In units of how far the outputs to different inputs lie apart. Every layer
  # rounds by up to 1/256; seen: 0.04, of the wide residual network.
  for a, b in zip(*map(jax.tree.leaves, (near, exact)), strict=True):
    assert np.abs(a - b).max() <= 0.06 * np.ptp(b, axis=0).max()
