"""AdvProp: clean and adversarial examples, each with its own normalization."""

import jax

from robust_jax import losses
from robust_jax.attacks.compose import compose
from robust_jax.training_losses._common import (
  adversarial_examples,
  cross_entropy,
)
from robust_jax.types import (
  Array,
  Batch,
  Forward,
  Key,
  LossOutput,
  Objective,
  PerturbationSet,
  Search,
  TrainingLoss,
)


def advprop(
  search: Search,
  pset: PerturbationSet,
  *,
  objective: Objective = losses.cross_entropy,
  targeted: bool = True,
) -> TrainingLoss:
  """AdvProp: clean and adversarial examples, each with its own normalization.

      per_example = CE(f(x), y) + CE(f'(x_adv), y)

  f' is f with a second set of the variables of its BatchNorm layers. It is
  attacked and trained on x_adv; f, which is deployed, never normalizes by
  statistics of adversarial examples. With a small radius they make f more
  accurate on clean images, not robust. In a model without BatchNorm f' is f.

  Args:
    search: the inner maximization. Published for ImageNet: five steps of 1/255
      in an Linf ball of 4/255, or one in a ball of 1/255.
    pset: the perturbation set.
    objective: what the attack maximizes, of labels; or minimizes, of targets.
    targeted: whether the attack aims at a random other class of each example.

  Returns:
    The loss. Its outputs are the clean logits; it reports "attack_passes".

  Raises:
    ValueError: the loss raises it if the model has BatchNorm and the task keeps
      no second set; see `auxiliary_norm` of `tasks.supervised`.

  Source: Xie et al. 2020, "Adversarial examples improve image recognition",
  algorithm 1, with its one auxiliary set.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import perturbations, search, training_losses
    >>> from robust_jax.types import Forward
    >>> train = lambda key, x, model_state=None: (x, {})  # logits are x
    >>> forward = Forward(train, inference=lambda x: x, step=0)
    >>> forward = forward._replace(auxiliary=forward)
    >>> batch = {"x": jnp.array([[0.5, 0.5]]), "y": jnp.array([1])}
    >>> pset = perturbations.linf(0.25)
    >>> loss = training_losses.advprop(search.fgsm, pset)
    >>> out = loss(forward, batch, jax.random.key(0))
    >>> round(out.per_example.item(), 3)  # log 2 + 0.974
    1.667
  """
  if targeted:
    objective = losses.targeted(objective)
  attack = compose(search, pset, objective)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    auxiliary = forward.auxiliary
    if auxiliary is None:
      raise ValueError(
        "advprop for a model with BatchNorm whose task keeps one set of its "
        "variables: set task.auxiliary_norm = True for a second one."
      )
    key_clean, key_classes, key_attack, key_adv = jax.random.split(key, 4)
    x, y = batch["x"], batch["y"]
    logits, model_state = forward.train(key_clean, x)
    targets = y
    if targeted:
      targets = _other_classes(key_classes, y, logits.shape[-1])
    x_adv, cost = adversarial_examples(
      attack, key_attack, auxiliary, x, targets
    )
    logits_adv, model_state = auxiliary.train(key_adv, x_adv, model_state)
    per_example = cross_entropy(logits, y) + cross_entropy(logits_adv, y)
    return LossOutput(per_example, logits, cost, model_state)

  return loss


def _other_classes(key: Key, labels: Array, num_classes: int) -> Array:
  """A random class other than the label of each example, `[B]`."""
  if labels.ndim == 2:
    labels = labels.argmax(axis=-1)
  offset = jax.random.randint(key, labels.shape, 1, num_classes)
  return (labels + offset) % num_classes
