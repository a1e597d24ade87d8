"""`evaluate` of a run of texts, from its flags."""

import pathlib
from collections.abc import Sequence

from experiments.attack_texts import evaluate_text_attacks
from experiments.certify_texts import certify_texts
from experiments.cli import main_flags as given
from experiments.cli import named_attacks, named_models, named_runs
from experiments.load_run import Run
from experiments.texts.recipes import NO_TABLES


def evaluate_texts(
  run: Run, path: pathlib.Path, attacks: Sequence[str] | None
) -> None:
  """Attacks the test texts of a run, or certifies them.

  Args:
    run: a run of a classifier of texts.
    path: its folder.
    attacks: names of attacks; None for those of the config, or to certify.

  Raises:
    ValueError: a flag is for images, no attack is named, or as for
      `evaluate_text_attacks` and `certify_texts`.
  """
  named_attacks.refuse_flags_of_images()
  num_examples = given.NUM_EXAMPLES.value
  defense, tables = named_models.of_texts()
  if given.CERTIFY.value:
    if tables != NO_TABLES:
      raise ValueError(
        "--certify is about typos: leave out --wordnet and --neighbors, which "
        "are for attacks on words."
      )
    out = named_runs.report_folder(path, "certificate")
    certify_texts(run, out, num_examples, defense)
    return
  names = attacks or list(run.config.evaluation.text_attacks)
  if not names:
    raise ValueError(
      "the config has no evaluation.text_attacks, which are for single texts: "
      "name attacks, as in --attack=deep_word_bug."
    )
  out = named_runs.report_folder(path, "text_attacks")
  evaluate_text_attacks(run, names, out, num_examples, defense, tables)
