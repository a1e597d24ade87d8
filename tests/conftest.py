"""What is compiled once is not compiled again, in this run or the next.

Most of the time goes into compiling, and many tests compile the same: every
process of a run, and those that tests start, share a cache on disk. Nothing
here runs for long, so that programs are compiled without optimisation.
"""

import gc
import os
import pathlib

_CACHE = pathlib.Path(__file__).resolve().parents[1] / ".pytest_cache" / "xla"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
_FAST = "--xla_backend_optimization_level=0"
if _FAST not in os.environ.get("XLA_FLAGS", ""):
  os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_FAST}"


def pytest_collection_finish():
  """Keeps the collector from walking through every library, again and again."""
  gc.freeze()
  gc.set_threshold(20_000, 20, 20)
