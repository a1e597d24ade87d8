"""A cache of compiled programs on disk, for this run of the tests and the next.

Most of the time goes into compiling, and many tests compile the same: every
process of a run, and those that tests start, share a cache on disk. Nothing
here runs for long, so that programs are compiled without optimization.
"""

import collections
import gc
import importlib
import importlib.metadata
import os
import pathlib

import pytest

_CACHE = pathlib.Path(__file__).resolve().parents[1] / ".pytest_cache" / "xla"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
# Arrays are small: threads of scikit-learn and NumPy would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Several processes share a GPU, and none takes most of its memory.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
_LARGE = 1.4 * 2**30  # bytes of a worker, of which two or more share a machine
_FAST = "--xla_backend_optimization_level=0"
if importlib.metadata.version("jaxlib").startswith("0.10."):
  # Half the time of compiling; XLA aborts where it does not know a flag.
  _FAST += " --xla_cpu_use_fusion_emitters=false"
if _FAST not in os.environ.get("XLA_FLAGS", ""):
  os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_FAST}"


def pytest_addoption(parser):
  parser.addoption(
    "--member",
    action="append",
    default=[],
    metavar="KIND=MODULE:FUNCTION",
    help="hold a function to the contracts of a package of robust_jax as if it "
    "were one of its members, as in search=my_searches:annealed; may be "
    "repeated.",
  )


def pytest_configure(config):
  for member in config.getoption("member"):
    add_member(member)


def add_member(member):
  """KIND=MODULE:FUNCTION: the function is a member, for this run of tests."""
  from robust_jax import lookup  # not before the environment above is set

  kind, _, path = member.partition("=")
  home = importlib.import_module(f"robust_jax.{kind}")
  function = lookup.import_function(path)
  setattr(home, function.__name__, function)
  home.__all__.append(function.__name__)


def pytest_collection_finish():
  """Keeps the collector from walking through every library, again and again."""
  gc.freeze()
  gc.set_threshold(20_000, 20, 20)


def pytest_terminal_summary(terminalreporter):
  """Counts the skipped tests by file and reason, so that none goes unseen."""
  counts = collections.Counter(
    _reason(report) for report in terminalreporter.stats.get("skipped", ())
  )
  if not counts:
    return
  terminalreporter.section(f"{counts.total()} skipped, by reason")
  for (file, reason), count in sorted(counts.items()):
    terminalreporter.write_line(f"{count:5d}  {file}: {reason}")


def _reason(report):
  _, _, text = report.longrepr
  return report.nodeid.partition("::")[0], text.removeprefix("Skipped: ")[:80]


@pytest.fixture(scope="session", autouse=True)
def _float32_is_multiplied_as_float32():
  """On accelerators as on CPUs, also in processes that tests start.

  By default GPUs round products to TF32, TPUs to bfloat16. Tests compare floats
  with tolerances of float32.
  """
  import jax  # not before the environment above is set

  if jax.default_backend() != "cpu":
    asked = os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")
    jax.config.update("jax_default_matmul_precision", asked)


@pytest.fixture(scope="session")
def _compiled():
  """A list that grows with each program that is compiled or read."""
  import jax  # not before the environment above is set

  events = []

  def listen(event, duration, **_):
    if event.endswith("backend_compile_duration"):
      events.append(duration)

  jax.monitoring.register_event_duration_secs_listener(listen)
  return events


@pytest.fixture(autouse=True)
def _programs_are_dropped_now_and_then(_compiled):
  """JAX keeps all that it compiled: 1.5 MB for each, gigabytes in a run.

  Not after each test: what every file needs anew takes a second to compile.
  """
  yield
  large = len(_compiled) > 100 and _resident_bytes() > _LARGE
  if large or len(_compiled) > 600:
    import jax

    jax.clear_caches()
    gc.collect()
    _compiled.clear()


@pytest.fixture(scope="module")
def few_drawn_digits(tmp_path_factory):
  """For a module, drawing digits takes a moment: there are 500 of a set."""
  from robust_jax.data.builders import drawn_digits

  few = {"train": 400, "test": 100}
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(drawn_digits, "NUM_EXAMPLES", few)
    patch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.mktemp("tfds")))
    yield


def _resident_bytes():
  """Memory of this process; 0 where the system does not tell."""
  statm = pathlib.Path("/proc/self/statm")
  if not statm.exists():
    return 0
  return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
