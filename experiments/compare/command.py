"""The command `compare` and its flags."""

import pathlib
from collections.abc import Iterable, Sequence

from absl import flags

from experiments.compare.data_flags import DATA, IMAGE_SIZE, open_data
from experiments.compare.gate import GateRequest
from experiments.compare.models import (
  RequestOptions,
  parse_models,
  with_output_kinds,
  with_trained_families,
)
from experiments.compare.open_data import kind_of
from experiments.compare.run import compare
from robust_jax import parallel
from robust_jax.comparison.extra_tests.base import ExtraTest
from robust_jax.comparison.extra_tests.natural_shifts import NaturalShifts
from robust_jax.comparison.extra_tests.sequences import Sequences
from robust_jax.comparison.extra_tests.system_noise import SystemNoise
from robust_jax.comparison.predictors.read_outputs import MEANING
from robust_jax.data.readers.natural_shift import NAMES
from robust_jax.statistics.gate import Thresholds

_MODELS = flags.DEFINE_multi_string(
  "models",
  [],
  "compare: NAME=SOURCE ...; a source is the directory of a run, "
  "package.module:function, http://HOST/PATH or an .npz of stored outputs.",
)
_OUTPUT_KIND = flags.DEFINE_multi_string(
  "output_kind",
  [],
  "compare: kind of the models' outputs, KIND for all or NAME=KIND for one; "
  "detected if absent: " + ", ".join(MEANING) + ".",
)
_BATCH_SIZE = flags.DEFINE_integer(
  "batch_size",
  None,
  "compare: largest number of examples per call of a function (as many as fit "
  "into memory if absent) and per request to a service (32 if absent).",
  lower_bound=1,
)
_CONCURRENCY = flags.DEFINE_integer(
  "concurrency",
  4,
  "compare: number of simultaneous requests to a service.",
  lower_bound=1,
)
_TIMEOUT = flags.DEFINE_float(
  "timeout",
  60.0,
  "compare: timeout of a request to a service in seconds.",
  lower_bound=0.001,
)
_RETRIES = flags.DEFINE_integer(
  "retries",
  4,
  "compare: number of repetitions of a failed request, after 0.5, 1, 2, ... "
  "seconds.",
  lower_bound=0,
)
_API_KEY_VARIABLE = flags.DEFINE_multi_string(
  "api_key_variable",
  [],
  "compare: environment variable with the key of a service, NAME=... for one "
  "model.",
)
_FAMILIES = flags.DEFINE_list(
  "families",
  None,
  "compare: families of transformations, separated by commas; all that apply "
  "if absent.",
)
_TRAINED_FAMILIES = flags.DEFINE_multi_string(
  "trained_families",
  [],
  "compare: NAME=FAMILY+FAMILY, the families of transformations that a model "
  "was trained with: did its risk under them fall, relative to --baseline?",
)
_NATURAL_SHIFTS = flags.DEFINE_multi_string(
  "natural_shifts",
  [],
  "compare: NAME[/PART][=FOLDER], a natural shift dataset, as in "
  "cifar10_c/fog_3=data/CIFAR-10-C; without a folder, as prepared by TFDS. May "
  "be repeated. Names: " + ", ".join(NAMES) + ".",
)
_SEQUENCES = flags.DEFINE_list(
  "sequences",
  [],
  "compare: perturbation sequences along which predictions should not flip, "
  "separated by commas, or imagenet_p for its ten.",
)
_SYSTEM_NOISE = flags.DEFINE_bool(
  "system_noise",
  False,
  "compare: read and resize the files of a folder with other libraries too; "
  "requires --image_size.",
)
_SEED = flags.DEFINE_integer(
  "seed", 0, "compare: seed of all randomness.", lower_bound=0
)
_MAX_RISK = flags.DEFINE_multi_string(
  "max_risk", [], "compare, gate: FAMILY=PERCENT, with commas or repeated."
)
_MAX_OVERALL = flags.DEFINE_float(
  "max_overall", None, "compare, gate: overall risk in percent."
)
_MAX_REGRESSION = flags.DEFINE_float(
  "max_regression",
  None,
  "compare, gate: increase of the risk over the baseline in points, overall or "
  "under any family.",
)
_MAX_INVARIANCE_TESTS = flags.DEFINE_multi_string(
  "max_invariance_tests",
  [],
  "compare, gate: CHANGE=PERCENT of a change that should not matter, as in "
  "identity=0.",
)
_MIN_SAMPLES = flags.DEFINE_integer(
  "min_samples",
  500,
  "compare, gate: clean examples classified correctly, or objects found, that "
  "are needed for a conclusion.",
)
_STRICT = flags.DEFINE_bool(
  "strict", False, "compare, gate: inconclusive checks fail."
)
_CANDIDATE = flags.DEFINE_string(
  "candidate",
  None,
  "compare, gate: the model to check; if absent the first that is not the "
  "baseline.",
)


def compare_command(
  arguments: Sequence[str],
  out: str | None,
  baseline: str | None = None,
  num_examples: int | None = None,
  allow_imports: Iterable[str] = (),
) -> int:
  """Runs the command and returns the exit status: 0, or that of the gate.

  Args:
    arguments: further models, as `--models A=a B=b` leaves them.
    out: folder of the report.
    baseline: model from which regressions are counted.
    num_examples: number of examples to draw.
    allow_imports: modules that the configs of runs may name.

  Raises:
    ValueError: flags are invalid.
  """
  # A flag takes one value; further ones are positional arguments.
  texts = [*_MODELS.value, *arguments]
  unnamed = [text for text in texts if "=" not in text]
  if unnamed:
    raise ValueError(
      f"unexpected {' '.join(unnamed)!r}: models are NAME=SOURCE, other "
      "options --name=value."
    )
  gate = GateRequest(_thresholds(), _CANDIDATE.value, baseline, _STRICT.value)
  data = _required("data", DATA.value, "cifar10")
  folder = _required("out", out, "runs/compared")
  if parallel.num_processes() > 1:
    raise ValueError("compare runs in one process: start only one.")
  options = RequestOptions(
    _BATCH_SIZE.value,
    _CONCURRENCY.value,
    _TIMEOUT.value,
    _RETRIES.value,
    _API_KEY_VARIABLE.value,
  )
  kind = kind_of(data)
  reader = open_data(data, kind)
  models = with_output_kinds(
    parse_models(texts, allow_imports, options, kind, reader),
    _OUTPUT_KIND.value,
  )
  models = with_trained_families(models, _TRAINED_FAMILIES.value)
  result = compare(
    models,
    reader,
    pathlib.Path(folder),
    name=data,
    num_examples=num_examples,
    families=_FAMILIES.value,
    seed=_SEED.value,
    gate=gate,
    extra_tests=_extra_tests(data),
    kind=kind,
  )
  if result is None:
    return 130
  if result["gate"] is not None:
    return result["gate"]["exit_code"]
  return 2 if result["models_left_out"] else 0


def _required(name: str, value: str | None, example: str) -> str:
  if value is None:
    raise ValueError(f"compare needs --{name}, as in --{name}={example}.")
  return value


def _extra_tests(data: str) -> list[ExtraTest]:
  found: list[ExtraTest] = []
  if _NATURAL_SHIFTS.value:
    found.append(NaturalShifts(_NATURAL_SHIFTS.value, IMAGE_SIZE.value))
  if _SEQUENCES.value:
    found.append(Sequences(_SEQUENCES.value))
  if _SYSTEM_NOISE.value:
    found.append(SystemNoise(data, IMAGE_SIZE.value))
  return found


def _thresholds() -> Thresholds | None:
  found = Thresholds(
    max_risk=_limits("max_risk", _MAX_RISK.value),
    max_overall=_MAX_OVERALL.value,
    max_regression=_MAX_REGRESSION.value,
    max_invariance_tests=_limits(
      "max_invariance_tests", _MAX_INVARIANCE_TESTS.value
    ),
    min_samples=_MIN_SAMPLES.value,
  )
  nothing = Thresholds(min_samples=_MIN_SAMPLES.value)
  return None if found == nothing else found


def _limits(flag: str, texts: Sequence[str]) -> dict[str, float]:
  found: dict[str, float] = {}
  for text in (part for one in texts for part in one.split(",")):
    name, _, number = text.partition("=")
    try:
      limit = float(number)
    except ValueError:
      limit = float("nan")
    if not name or not 0 <= limit <= 100:
      raise ValueError(
        f"--{flag} {text}: expected NAME=PERCENT, as in --{flag} noise=20."
      )
    if name in found:
      raise ValueError(f"--{flag} {text}: '{name}' is repeated.")
    found[name] = limit
  return found
