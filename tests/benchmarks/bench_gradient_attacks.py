"""Every gradient attack beside torchattacks, Foolbox and ART, same weights.

    python -m tests.benchmarks.bench_gradient_attacks WEIGHTS MODEL [EPS]

e.g. `mnist_convex_eps0.1.npz small_cnn 0.1`, on the first 128 images of MNIST's
test set (found through ROBUST_JAX_DATA); 40 steps each, of equal length where
the libraries let one choose it. Prints seconds (the least of seven interleaved
runs, ours compiled) and the accuracy that each leaves. Needs torch,
torchattacks, foolbox and adversarial-robustness-toolbox, none of them a
requirement; APGD in ART and Foolbox's step of 1 pixel are not to be had.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import attacks, losses, perturbations, search
from robust_jax.data.load import load
from robust_jax.models.inference import inference_fn
from tests.benchmarks.clock import least_seconds
from tests.benchmarks.torch_network import to_torch, torch_network
from tests.benchmarks.trained import trained

BATCH, NUM_STEPS, STEP = 128, 40, 0.1
L2_PER_LINF = 15  # radius of the L2 ball, in those of the Linf ball


def ours(eps: float) -> dict:
  """Our attacks under the names of their table row."""
  ball, sphere = perturbations.linf(eps), perturbations.l2(L2_PER_LINF * eps)
  steps = {"num_steps": NUM_STEPS, "step_size": STEP, "keep": "last"}

  def pgd(pset, **options):
    return attacks.compose(
      search.pgd, pset, losses.cross_entropy, **steps | options
    )

  def apgd(pset):
    return attacks.compose(
      search.apgd, pset, losses.cross_entropy, num_steps=NUM_STEPS
    )

  return {
    "FGSM": attacks.compose(search.fgsm, ball, losses.cross_entropy),
    "RS-FGSM": attacks.rs_fgsm(eps),
    "PGD Linf": pgd(ball),
    "PGD L2": pgd(sphere),
    "PGD Linf, Adam": pgd(ball, direction="adam"),
    "MI-FGSM": pgd(ball, momentum=1.0, random_start=False),
    "DI-FGSM": attacks.di_fgsm(eps, num_steps=NUM_STEPS),
    "APGD Linf": apgd(ball),
    "APGD L2": apgd(sphere),
  }


def of_torchattacks(network, eps: float) -> dict:
  import torchattacks as ta

  far = L2_PER_LINF * eps
  return {
    "FGSM": ta.FGSM(network, eps=eps),
    "RS-FGSM": ta.FFGSM(network, eps=eps, alpha=1.25 * eps),
    "PGD Linf": ta.PGD(network, eps, STEP * eps, NUM_STEPS),
    "PGD L2": ta.PGDL2(network, far, STEP * far, NUM_STEPS),
    "MI-FGSM": ta.MIFGSM(network, eps, STEP * eps, NUM_STEPS),
    "DI-FGSM": ta.DIFGSM(network, eps, eps / NUM_STEPS, NUM_STEPS, decay=1.0),
    "APGD Linf": ta.APGD(network, "Linf", eps, NUM_STEPS),
    "APGD L2": ta.APGD(network, "L2", far, NUM_STEPS),
  }


def of_foolbox(network, eps: float) -> dict:
  import foolbox

  model = foolbox.PyTorchModel(network, bounds=(0, 1))
  steps = {"steps": NUM_STEPS, "rel_stepsize": STEP}
  named = {
    "FGSM": (foolbox.attacks.FGSM(), eps),
    "PGD Linf": (foolbox.attacks.LinfPGD(**steps), eps),
    "PGD L2": (foolbox.attacks.L2PGD(**steps), L2_PER_LINF * eps),
    "PGD Linf, Adam": (foolbox.attacks.LinfAdamPGD(**steps), eps),
  }

  def adapt(attack, radius):
    return lambda x, labels: attack(model, x, labels, epsilons=radius)[1]

  return {name: adapt(*pair) for name, pair in named.items()}


def of_art(network, eps: float) -> dict:
  import torch
  from art.attacks import evasion
  from art.estimators.classification import PyTorchClassifier

  model = PyTorchClassifier(
    network,
    torch.nn.CrossEntropyLoss(),
    (1, 28, 28),
    10,
    clip_values=(0.0, 1.0),
  )
  shared = {"batch_size": BATCH}
  steps = shared | {"max_iter": NUM_STEPS, "verbose": False}
  far = L2_PER_LINF * eps
  pgd = evasion.ProjectedGradientDescentPyTorch
  apgd = evasion.AutoProjectedGradientDescent
  start = {"num_random_init": 1}
  named = {
    "FGSM": evasion.FastGradientMethod(model, eps=eps, **shared),
    "PGD Linf": pgd(model, eps=eps, eps_step=STEP * eps, **start, **steps),
    "PGD L2": pgd(model, 2, far, STEP * far, **start, **steps),
    "MI-FGSM": pgd(model, eps=eps, eps_step=STEP * eps, decay=1.0, **steps),
    "APGD Linf": apgd(
      model, eps=eps, eps_step=2 * eps, nb_random_init=1, **steps
    ),
    "APGD L2": apgd(
      model, 2, far, 2 * far, nb_random_init=1, **steps
    ),
  }  # fmt: skip

  def adapt(attack):
    return lambda x, labels: torch.from_numpy(
      attack.generate(x.numpy(), labels.numpy())
    )

  return {name: adapt(attack) for name, attack in named.items()}


def main(weights: str, name: str, eps: str = "0.1") -> None:
  eps = float(eps)
  test = load("mnist", f"test[:{BATCH}]").read(np.arange(BATCH))
  x, labels = np.float32(test["x"]) / 255, test["y"]
  model, variables = trained(weights, name, x.shape[1:])
  logits_fn = jax.jit(inference_fn(model, variables))
  network = torch_network(name, variables["params"])
  inputs, key = to_torch(x, labels), jax.random.key(0)

  programs = {}
  for row, attack in ours(eps).items():
    compiled = jax.jit(attack)
    arguments = key, inference_fn(model, variables), jnp.asarray(x), labels
    programs[row, "ours"] = lambda f=compiled, a=arguments: f(*a)
  for library, make in {
    "torchattacks": of_torchattacks,
    "foolbox": of_foolbox,
    "ART": of_art,
  }.items():
    for row, attack in make(network, eps).items():
      run = lambda f=attack: f(*inputs).detach().numpy()
      programs[row, library] = run

  seconds = least_seconds(programs)
  for (row, library), program in programs.items():
    x_adv = np.asarray(program())
    if library != "ours":
      x_adv = x_adv.transpose(0, 2, 3, 1)
    left = (logits_fn(x_adv).argmax(1) == labels).mean()
    ratio = seconds[row, library] / seconds[row, "ours"]
    print(
      f"{row:15} {library:13} {1e3 * seconds[row, library]:8.1f} ms "
      f"{ratio:6.2f} x   accuracy {left:.1%}"
    )


if __name__ == "__main__":
  main(*sys.argv[1:])
