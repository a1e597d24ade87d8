"""Transfer of adversarial examples between kinds of classifiers.

  python -m experiments.studies.transfer_matrix
  python -m experiments.studies.transfer_matrix \\
      --num_train=60000 --num_examples=10000
  python -m experiments.studies.transfer_matrix --data=digits

Trains a convolutional network in JAX and five classifiers of scikit-learn on
the same images. Crafts adversarial examples on five of the six (a random forest
has no gradient, and no single leaf to move to) and evaluates all six on them:
Papernot, McDaniel and Goodfellow 2016, "Transferability in Machine Learning".
Then repeats this with substitute models, each trained on the predicted labels
of one classifier.
"""

import itertools
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax
import rich.box
import rich.console
import rich.table
from absl import flags
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from experiments.cli.output import writable
from experiments.cli.parse_flags import parse_options
from experiments.cli.run_command import run_command
from experiments.examples import read_examples
from robust_jax import (
  attacks,
  evaluators,
  losses,
  parallel,
  precision,
  tasks,
  training_losses,
)
from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.attacks.minimal_norm.decision_trees import nearest_leaf
from robust_jax.black_box import train_substitute
from robust_jax.black_box.queries import Predict, predicted_labels
from robust_jax.data.dataset import from_arrays
from robust_jax.data.load import load
from robust_jax.data.loader import training_loader
from robust_jax.evaluators.transfer import Transfer, transfer
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.models.classifiers.small_cnn import SmallCNN
from robust_jax.models.from_sklearn import linear_classifier
from robust_jax.models.surrogates import soft_neighbors
from robust_jax.plotting.heat_map import draw_heat_map
from robust_jax.plotting.tables import matrix_table
from robust_jax.types import Model

_CLASSES = 10
_AT_ONCE = 250  # images attacked


@precision.evaluation()
def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the command; returns the exit status."""
  options = parse_options(_flags(), arguments, __doc__)
  writable(pathlib.Path(options.out), "--out")
  console = rich.console.Console()
  started = time.monotonic()
  name, train, test, fresh = _images(options, console)
  key_attack, key_substitute = jax.random.split(jax.random.key(options.seed))
  with console.status("training six classifiers"):
    logits_fn = _train_network(options.seed, *train)
    estimators = _fit(options.seed, *train)
  classifiers = {"DNN": as_numpy_fn(logits_fn)} | {
    kind: _on_flat(estimator.predict) for kind, estimator in estimators.items()
  }
  attack = _attack_in_pieces(key_attack, options)
  with console.status("crafting on five of them"):
    crafted = _craft(attack, logits_fn, estimators, train, test)
  sources = {kind: classifiers[kind] for kind in crafted}
  result = transfer(crafted, sources, classifiers, *test)
  _report(console, result, f"{name}, {len(test[1])} images", options)
  with console.status("training substitutes on predicted labels"):
    rows = _substitutes(key_substitute, classifiers, attack, fresh, test)
  console.print(rows)
  console.print(f"{time.monotonic() - started:.0f} s")
  return 0


def _flags():
  values = flags.FlagValues()
  own, some = {"flag_values": values}, {"lower_bound": 1}
  flags.DEFINE_string(
    "data", "mnist", "dataset; the UCI digits if it is not there.", **own
  )
  flags.DEFINE_integer(
    "num_train", 5000, "number of training images.", **some, **own
  )
  flags.DEFINE_integer(
    "num_examples", 500, "number of test images.", **some, **own
  )
  flags.DEFINE_integer(
    "side", None, "side in pixels to which images are averaged.", **some, **own
  )
  flags.DEFINE_float("eps", 0.3, "Linf radius of MI-FGSM.", **own)
  flags.DEFINE_integer(
    "num_steps", 10, "steps of MI-FGSM; 1 is FGSM.", **some, **own
  )
  flags.DEFINE_integer("seed", 0, "seed of all randomness.", **own)
  flags.DEFINE_string("out", "runs/transfer", "output folder.", **own)
  return values


def _images(options, console):
  """Returns the dataset's name, training, test and substitutes' images."""
  name = options.data
  try:
    datasets = [load(name, split) for split in ("train", "test")]
  except ValueError as error:
    console.print(f"{error}\nTaking the UCI digits instead.", style="yellow")
    name = "digits"
    datasets = [load(name, split) for split in ("train", "test")]
  rng = np.random.default_rng(options.seed)
  expected = (options.num_train, options.num_examples + 100)
  pairs = []
  for dataset, count in zip(datasets, expected, strict=True):
    x, y = read_examples(dataset, rng.permutation(len(dataset))[:count])
    pairs.append((_smaller(x, options.side), y))
  train, (x, y) = pairs
  return name, train, (x[100:], y[100:]), x[:100]


def _smaller(x, side):
  if side is None:
    return x
  factor, rest = divmod(x.shape[1], side)
  if rest or x.shape[1] != x.shape[2]:
    raise ValueError(f"--side {side} does not divide images of {x.shape[1:3]}.")
  blocks = x.reshape(len(x), side, factor, side, factor, -1)
  return blocks.mean(axis=(2, 4))


def _train_network(
  seed: int, x, labels, num_epochs: int = 15, batch_size: int = 64
) -> Model:
  dataset = from_arrays("training images", {"x": x, "y": labels})
  loader = training_loader(dataset, batch_size, seed=seed)
  num_steps = num_epochs * loader.num_steps
  task = tasks.supervised(
    SmallCNN(_CLASSES),
    optax.adam(optax.cosine_decay_schedule(2e-3, num_steps)),
    loss=training_losses.erm(),
    evaluator=evaluators.robustness(),
  )
  key_init, key_steps = jax.random.split(jax.random.key(seed))
  state = task.init(key_init, {"x": jnp.asarray(x[:1])})
  step = parallel.pmap_step(task.step, loader.decode, jax.local_devices()[:1])
  data = jax.device_put(loader.device_data)
  for indices in itertools.islice(loader.indices(0), num_steps):
    state, _ = step(state, data, indices, key_steps)
  return task.deployed(state)


def _fit(seed, x, labels):
  estimators = {
    "LR": LogisticRegression(C=0.1, max_iter=500),
    "SVM": LinearSVC(C=0.01, max_iter=5000, random_state=seed),
    "DT": DecisionTreeClassifier(random_state=seed),
    "kNN": KNeighborsClassifier(),
    "RF": RandomForestClassifier(random_state=seed),
  }
  flat = x.reshape(len(x), -1)
  return {kind: e.fit(flat, labels) for kind, e in estimators.items()}


def _on_flat(predict: Callable[[np.ndarray], np.ndarray]) -> Predict:
  return lambda images: predict(images.reshape(len(images), -1))


def _craft(attack, logits_fn, estimators, train, test):
  """Returns classifier -> adversarial images crafted on it."""
  surrogates = {
    "DNN": logits_fn,
    "LR": linear_classifier(estimators["LR"]),
    "SVM": linear_classifier(estimators["SVM"]),
    "kNN": soft_neighbors(*train, _CLASSES),
  }
  crafted = {
    kind: attack(surrogate, *test) for kind, surrogate in surrogates.items()
  }
  crafted["DT"] = nearest_leaf(estimators["DT"], *test)
  return crafted


def _attack_in_pieces(key, options):
  """Returns (surrogate, x, labels) -> x_adv, in batches of one size."""
  # The margin has a gradient where a sure model's cross-entropy has none.
  attack = attacks.di_fgsm(
    options.eps,
    num_steps=options.num_steps,
    diversity=0.0,
    objective=losses.margin,
  )

  def in_pieces(surrogate, x, labels):
    pieces = [
      np.arange(start, start + _AT_ONCE) % len(x)
      for start in range(0, len(x), _AT_ONCE)
    ]
    x_adv = [attack(key, surrogate, x[rows], labels[rows]) for rows in pieces]
    return np.concatenate(x_adv)[: len(x)]

  return in_pieces


def _report(
  console: rich.console.Console, result: Transfer, name: str, options
) -> None:
  labels = ("crafted on", "evaluated")
  clean = rich.table.Table(
    title="accuracy without attack", box=rich.box.SIMPLE_HEAD
  )
  for kind in result.columns:
    clean.add_column(kind, justify="right")
  clean.add_row(*(f"{100 * fraction:.1f} %" for fraction in result.clean))
  console.print(clean)
  for title, fractions in (
    ("misclassified, of all images", result.of_all),
    (
      "misclassified, of those both classify correctly without attack",
      result.of_both_correct,
    ),
  ):
    console.print(
      matrix_table(title, labels[0], result.rows, result.columns, fractions)
    )
  draw_heat_map(
    pathlib.Path(options.out) / "transfer_matrix.png",
    f"{name}: % misclassified, MI-FGSM in Linf {options.eps:g} (DT: nearest "
    "leaf)",
    labels,
    result.rows,
    result.columns,
    result.of_all,
  )


def _substitutes(
  key, classifiers: Mapping[str, Predict], attack, fresh, test
) -> rich.table.Table:
  """Attacks each classifier by way of a substitute grown from 100 images."""
  rows = rich.table.Table(
    title="attacks on a substitute, trained on predicted labels",
    box=rich.box.SIMPLE_HEAD,
  )
  rows.add_column("classifier")
  for column in (
    "queries",
    "agreement",
    "misclassified, of all",
    "of both",
  ):
    rows.add_column(column, justify="right")
  train = train_substitute(MLP(num_classes=_CLASSES))
  for kind, predict in classifiers.items():
    substitute = train(key, predict, fresh)
    own = as_numpy_fn(substitute.logits_fn)
    crafted = {kind: attack(substitute.logits_fn, *test)}
    result = transfer(crafted, {kind: own}, {kind: predict}, *test)
    agreement = np.mean(
      predicted_labels(own, test[0]) == predicted_labels(predict, test[0])
    )
    rows.add_row(
      kind,
      str(substitute.queries),
      *(
        f"{100 * fraction:.1f} %"
        for fraction in (
          agreement,
          result.of_all.item(),
          result.of_both_correct.item(),
        )
      ),
    )
  return rows


if __name__ == "__main__":
  raise SystemExit(run_command(main))
