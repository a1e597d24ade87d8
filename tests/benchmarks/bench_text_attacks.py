"""Texts per second of DeepWordBug, beside TextAttack on the same model.

    python -m tests.benchmarks.bench_text_attacks runs/sst2 --num_examples 100

Both call one function of strings, the model of a run, and attack the same texts
with the same kinds of edits, order of words, protected words and bound on the
edit distance. TextAttack is put together from its classes, so that nothing is
downloaded. Ours has compiled all programs before its clock starts; TextAttack
is warmed up on ten texts, since it remembers those that it has attacked.
Without TextAttack, which the project does not need, only ours is timed.
"""

import argparse
import contextlib
import pathlib
import time
from collections.abc import Callable, Sequence

import numpy as np

from experiments.build.text_data import texts_of, tokenizer_of
from experiments.load_run import load_run
from robust_jax.text import recipes
from robust_jax.text.attack_texts import TextPredict
from robust_jax.text.constraints import FUNCTION_WORDS
from robust_jax.text.predict_texts import predict_texts

Status = Sequence[str]


def ours(
  predict: TextPredict, texts: Sequence[str], labels: Sequence[int]
) -> tuple[Status, float]:
  """The status of each text, and the mean number of queries."""
  results = list(recipes.deep_word_bug().run(predict, texts, labels))
  attacked = [r for r in results if r.status != "skipped"]
  queries = float(np.mean([r.queries for r in attacked]))
  return [r.status for r in results], queries


def theirs(
  predict: TextPredict, texts: Sequence[str], labels: Sequence[int]
) -> tuple[Status, float]:
  """Likewise, by TextAttack."""
  import textattack as ta
  from textattack.constraints import overlap
  from textattack.constraints import pre_transformation as before

  class Wrapper(ta.models.wrappers.ModelWrapper):
    model = None

    def __call__(self, texts):
      return predict(list(texts))

  swaps = ta.transformations
  kinds = (
    swaps.WordSwapNeighboringCharacterSwap,
    swaps.WordSwapRandomCharacterSubstitution,
    swaps.WordSwapRandomCharacterDeletion,
    swaps.WordSwapRandomCharacterInsertion,
  )
  attack = ta.Attack(
    ta.goal_functions.UntargetedClassification(Wrapper()),
    [
      before.RepeatModification(),
      before.StopwordModification(stopwords=FUNCTION_WORDS),
      overlap.LevenshteinEditDistance(30),
    ],
    swaps.CompositeTransformation([kind() for kind in kinds]),
    ta.search_methods.GreedyWordSwapWIR(),
  )
  names = {
    "SuccessfulAttackResult": "successful",
    "FailedAttackResult": "failed",
    "SkippedAttackResult": "skipped",
  }
  status, queries = [], []
  for text, label in zip(texts, labels, strict=True):
    result = attack.attack(text, label)
    status.append(names[type(result).__name__])
    if status[-1] != "skipped":
      queries.append(result.num_queries)
  return status, float(np.mean(queries))


def row(
  name: str, run: Callable[..., tuple[Status, float]], data, warm_up: int
) -> float:
  """Prints a row of the table; returns texts per second."""
  predict, texts, labels = data
  run(predict, texts[:warm_up], labels[:warm_up])
  start = time.perf_counter()
  status, queries = run(predict, texts, labels)
  rate = len(texts) / (time.perf_counter() - start)
  robust = np.mean([s == "failed" for s in status])
  accuracy = np.mean([s != "skipped" for s in status])
  print(
    f"| {name} | {rate:.1f} | {accuracy:.1%} | {robust:.1%} | {queries:.0f} |",
    flush=True,
  )
  return rate


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("run", type=pathlib.Path)
  parser.add_argument("--num_examples", type=int, default=100)
  given = parser.parse_args()
  run = load_run(given.run)
  texts = texts_of(run.config, "test").texts[: given.num_examples]
  labels = run.dataset("test").read(np.arange(len(texts)))["y"].tolist()
  predict = predict_texts(
    run.classifier(), tokenizer_of(run.config), run.config.data.length
  )
  data = predict, texts, labels
  print("| | texts/s | accuracy | under attack | queries |")
  print("|---|---|---|---|---|")
  rate = row("robust_jax", ours, data, len(texts))
  with contextlib.suppress(ImportError):
    other = row("TextAttack", theirs, data, 10)
    print(f"\n{rate / other:.1f} x as many texts per second")
    return
  print("\nTextAttack is not installed: pip install textattack")


if __name__ == "__main__":
  main()
