"""The deterministic pieces of AutoAttack against the authors' own code.

Skipped without torch and `pyautoattack` 0.2.0, which are no requirements:

    pip install torch pyautoattack==0.2.0
    python -m pytest tests/agreement
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pyautoattack")

from pyautoattack import autopgd_base, fab_base, fab_projections  # noqa: E402
from pyautoattack.square import SquareAttack  # noqa: E402

from robust_jax import losses, perturbations, tree  # noqa: E402
from robust_jax.attacks.autoattack.apgd_l1 import sparse_ascent  # noqa: E402
from robust_jax.attacks.minimal_norm._hyperplane import to_hyperplane  # noqa: E402
from robust_jax.attacks.minimal_norm.fab import boundary_to_rank, run_fab  # noqa: E402
from robust_jax.search import square_window  # noqa: E402
from robust_jax.search.apgd import apgd, checkpoints  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(0)
NAMES = {"linf": "Linf", "l2": "L2", "l1": "L1"}
# So small that DLR stays below 1: above, it jumps from piece to piece, and two
# roundings of one run part.
EPS = {"linf": 0.01, "l2": 0.1, "l1": 0.4}
W1 = RNG.normal(size=(36, 20)).astype(np.float32)
W2 = RNG.normal(size=(20, 5)).astype(np.float32)
# Channels first, as theirs wants them; ours does not mind.
X = RNG.random((16, 1, 6, 6)).astype(np.float32)


def model(x):
  return jnp.tanh(x.reshape(len(x), -1) @ W1) @ W2


def torch_model(x):
  return torch.tanh(x.reshape(len(x), -1) @ torch.tensor(W1)) @ torch.tensor(W2)


Y = np.asarray(model(X).argmax(axis=1))
Y_LONG = torch.tensor(Y).long()
TARGET = (Y + 1) % 5


def _apgd(norm, loss):
  kind = (
    autopgd_base.APGDAttack_targeted
    if loss == "dlr-targeted"
    else autopgd_base.APGDAttack
  )
  attack = kind(
    torch_model, n_iter=40, norm=NAMES[norm], eps=EPS[norm], device="cpu"
  )
  attack.loss = loss
  attack.init_hyperparam(torch.tensor(X))
  attack.y_target = torch.tensor(TARGET).long()
  return attack


OBJECTIVES = {
  "ce": losses.cross_entropy,
  "dlr": losses.dlr,
  "dlr-targeted": losses.targeted_dlr(jnp.asarray(TARGET)),
}


@pytest.mark.parametrize("loss", ["dlr", "dlr-targeted"])
def test_losses(loss):
  logits = RNG.normal(size=(16, 5)).astype(np.float32)
  attack = _apgd("linf", loss)
  reference = attack.dlr_loss if loss == "dlr" else attack.dlr_loss_targeted
  np.testing.assert_allclose(
    OBJECTIVES[loss](logits, Y),
    reference(torch.tensor(logits), Y_LONG).numpy(),
    rtol=1e-5,
  )


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("loss", list(OBJECTIVES))
def test_one_run_of_apgd_from_a_given_start(norm, loss):
  options = {"exact": False} if norm == "l2" else {}
  pset = getattr(perturbations, norm)(EPS[norm], **options)
  noise = RNG.normal(size=X.shape).astype(np.float32)
  start = np.asarray(pset.project(jnp.asarray(X), jnp.asarray(noise)))
  x_best, _, value, _ = _apgd(norm, loss).attack_single_run(
    torch.tensor(X), Y_LONG, x_init=torch.tensor(X + start)
  )
  search = sparse_ascent if norm == "l1" else apgd

  @jax.jit
  def run(x, start):
    return search(
      jax.random.key(0),
      lambda z: OBJECTIVES[loss](model(z), Y),
      pset,
      x,
      num_steps=40,
      start=start,
    )

  result = run(X, start)
  # The sign of a gradient near zero may differ in the last bit: one image in
  # sixteen may take another way and end elsewhere.
  close = np.isclose(result.value, value.numpy(), rtol=1e-3, atol=1e-4)
  assert close.mean() >= 15 / 16
  same = np.abs(X + result.delta - x_best.numpy()).max(axis=(1, 2, 3)) < 1e-3
  assert same.mean() >= 14 / 16


def test_checkpoints():
  for num_steps in (20, 40, 50, 100):
    attack = autopgd_base.APGDAttack(
      torch_model, n_iter=num_steps, eps=0.1, device="cpu"
    )
    attack.init_hyperparam(torch.tensor(X))
    windows, done = attack.n_iter_2, []
    at = windows
    while at <= num_steps:
      done.append(at)
      windows = max(windows - attack.size_decr, attack.n_iter_min)
      at += windows
    assert checkpoints(num_steps) == done


def test_projection_onto_the_l1_ball_and_the_box():
  noise = RNG.normal(size=X.shape).astype(np.float32)
  ours = perturbations.l1(2.0).project(jnp.asarray(X), jnp.asarray(noise))
  correction = autopgd_base.L1_projection(
    torch.tensor(X), torch.tensor(noise), 2.0
  )
  np.testing.assert_allclose(ours, noise + correction.numpy(), atol=3e-6)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_projections_of_fab(norm):
  reference = getattr(fab_projections, f"projection_{norm}")
  for size in (5, 36, 784):
    x = RNG.random((64, size)).astype(np.float32)
    x[:20] = x[:20].round()
    w = RNG.normal(size=x.shape).astype(np.float32)
    w[3], w[:, 0] = 0, 0
    b = (w * x).sum(1) + 0.3 * np.sqrt(size) * RNG.normal(size=64)
    b[5] = 1e4
    b = b.astype(np.float32)
    theirs = reference(torch.tensor(x), torch.tensor(w), torch.tensor(b))
    ours = jax.jit(to_hyperplane, static_argnums=3)(
      x, w, b - (w * x).sum(1), norm
    )
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_one_run_of_targeted_fab(norm):
  from pyautoattack.fab_pt import FABAttack_PT

  reference = FABAttack_PT(
    torch_model,
    norm=NAMES[norm],
    n_iter=30,
    eps=EPS[norm],
    device="cpu",
    targeted=True,
  )
  reference.target_class = 2
  theirs = reference.attack_single_run(
    torch.tensor(X), Y_LONG, is_targeted=True
  ).numpy()

  @jax.jit
  def run(x):
    boundary = boundary_to_rank(model, x, Y, 1)
    return run_fab(model, boundary, x, Y, x, norm, 30)

  _, length = run(X)
  change = (theirs - X).reshape(16, -1)
  distance = np.linalg.norm(change, tree.ORDERS[norm], axis=1)
  np.testing.assert_allclose(length, distance, rtol=2e-2)
  assert isinstance(reference, fab_base.FABAttack)


@pytest.mark.parametrize("norm", ["l2", "l1"])
def test_windows_of_square(norm):
  reference = SquareAttack(torch_model, norm=NAMES[norm], device="cpu")
  for size in (3, 5, 9, 25):
    theirs = reference.eta(size).numpy()
    ours = square_window.bumps(size, norm)
    assert np.allclose(ours, theirs, atol=1e-6) or np.allclose(
      ours.T, theirs, atol=1e-6
    )


def test_schedule_of_square():
  reference = SquareAttack(torch_model, p_init=0.8, device="cpu")
  reference.rescale_schedule = False
  for query in (0, 10, 11, 50, 51, 200, 201, 999, 1001, 4001, 9000):
    assert square_window.fraction(query) == pytest.approx(
      reference.p_selection(query)
    )
