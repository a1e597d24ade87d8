"""Defensive distillation: what it learns, and how it is broken."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments import build
from experiments.configs.adversarial import digits_distilled
from experiments.load_run import load_run
from experiments.origin import origin
from experiments.train import train
from experiments.trained_models import trained_models
from robust_jax import attacks, losses, search
from robust_jax import perturbations as sets
from robust_jax.training.dry_run import dry_run
from robust_jax.training_losses import distillation
from robust_jax.types import Forward
from tests.unit.trained_digits import accuracy, digits, mlp

KEY = jax.random.key(0)
T = 40.0


def loss_of(logits, teacher, temperature):
  """`per_example` of a model that answers `logits`, whatever x."""
  train = lambda key, x, model_state=None: (logits, {})
  forward = Forward(train, lambda x: logits, jnp.int32(0))
  batch = {"x": logits, "y": jnp.array([2, 0]), "mask": jnp.ones(2)}
  out = distillation(teacher, temperature=temperature)(forward, batch, KEY)
  np.testing.assert_array_equal(out.outputs, logits)
  return out.per_example


LOGITS = jnp.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]])


def test_it_is_the_entropy_where_student_and_teacher_agree():
  p = jax.nn.softmax(LOGITS / 4)
  entropy = -(p * jnp.log(p)).sum(axis=-1)
  found = loss_of(LOGITS, lambda x: LOGITS, 4.0)
  np.testing.assert_allclose(found, entropy, rtol=1e-6)
  other = loss_of(LOGITS, lambda x: LOGITS + jnp.array([0.0, 1.0, 0.0]), 4.0)
  assert (other != found).all()


def test_without_a_teacher_the_labels_are_learned():
  expected = losses.cross_entropy(LOGITS / 4, jnp.array([2, 0]))
  np.testing.assert_allclose(loss_of(LOGITS, None, 4.0), expected, rtol=1e-6)


def test_a_temperature_of_0_is_refused():
  with pytest.raises(ValueError, match="temperature = 0: expected more than 0"):
    distillation(temperature=0)


@pytest.fixture(scope="module")
def distilled():
  """Teacher and student, both at temperature T, deployed at 1."""
  hard = lambda logits, y: optax.softmax_cross_entropy_with_integer_labels(
    logits / T, y
  )
  teacher = mlp(jax.random.key(0), hard)
  soft = jax.nn.softmax(teacher(digits("train")[0]) / T)
  student = lambda logits, _: optax.softmax_cross_entropy(logits / T, soft)
  return mlp(jax.random.key(1), student)


@functools.partial(jax.jit, static_argnames="eps")
def naive_fgsm(logits_fn, x, y, eps=0.15):
  """The sign of the gradient of the cross-entropy, as its paper writes it."""

  def cross_entropy(x):
    log_p = jax.nn.log_softmax(logits_fn(x))
    return -jnp.take_along_axis(log_p, y[:, None], axis=1).sum()

  return jnp.clip(x + eps * jnp.sign(jax.grad(cross_entropy)(x)), 0, 1)


def test_it_looks_robust_to_the_cross_entropy_and_margins_break_it(distilled):
  """The figures of the literature in kind, on the digits at eps 0.15."""
  x, y = digits("test")
  plain = mlp(jax.random.key(2))
  clean = accuracy(distilled, x, y)
  assert clean > 0.9
  undefended = accuracy(plain, naive_fgsm(plain, x, y), y)
  apparent = accuracy(distilled, naive_fgsm(distilled, x, y), y)
  assert apparent > undefended + 0.3
  for objective in (losses.dlr, losses.margin, losses.cross_entropy):
    # Ours climbs a surrogate of the cross-entropy that does not saturate.
    attack = attacks.compose(
      search.apgd, sets.linf(0.15), objective, num_steps=10
    )
    assert accuracy(distilled, attack(KEY, distilled, x, y), y) < 0.15
  carlini_wagner = attacks.carlini_wagner_linf(
    num_steps=30, num_rounds=8, restarts=1
  )
  x_adv = carlini_wagner(KEY, distilled, x[:64], y[:64])
  assert jnp.median(jnp.abs(x_adv - x[:64]).max((1, 2, 3))) < 0.15


def test_a_config_learns_from_another_run(tmp_path):
  teacher = digits_distilled.get_config("smoke")
  teacher.evaluator.validation_attacks = {}
  train(teacher, tmp_path / "teacher")
  with teacher.unlocked():
    student = teacher.copy_and_resolve_references()
    student.teacher = {"run": str(tmp_path / "teacher")}
  found = train(student, tmp_path / "student")
  assert found.status == "finished"
  made_from = json.loads((tmp_path / "student" / "origin.json").read_text())
  assert any(name.startswith("the teacher") for name in made_from)
  kernels = [
    jax.tree.leaves(load_run(tmp_path / name, "last").variables)
    for name in ("teacher", "student")
  ]
  assert not all(map(np.array_equal, *kernels))
  student.loss = {"name": "erm"}
  with pytest.raises(ValueError, match="loss 'erm' has no use for the section"):
    build.experiment(student)
  _attack_instead_of_learn(student)
  student.teacher.step = 3
  with pytest.raises(ValueError, match="expected one field, `run`"):
    trained_models(student)


def _attack_instead_of_learn(config):
  """The run named as a teacher is a surrogate of `ensemble_at` as well."""
  config = config.copy_and_resolve_references()
  run = config.teacher.run
  del config.teacher
  config.loss = {"name": "ensemble_at", "attack": {"name": "rand_fgsm"}}
  config.loss.attack.eps = 0.1
  config.surrogates = {"runs": (run,)}
  trained = trained_models(config)
  experiment = build.experiment(config, trained=trained)
  dry_run(*experiment)
  assert f"the surrogate {run}" in origin(
    config, experiment.training, experiment.validation
  )
  with pytest.raises(ValueError, match="ensemble_at without surrogates"):
    dry_run(*build.experiment(config))
