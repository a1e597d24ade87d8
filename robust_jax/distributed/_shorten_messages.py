"""Passes standard error on, and shortens what tells of a lost process.

A program of its own, so that it outlives the process whose end it tells.
"""

import re
import sys

SENTENCE = (
  "another process of this run has ended or cannot be reached, and this one "
  "ends too. Give the same command in all processes again: training goes on "
  "from the last checkpoint."
)
# As in "E1126 08:56:08.087097    5971 coordination_service_agent.cc:289] ..."
_LIBRARY = re.compile(
  r"[EF]\d{4} .*(coordination_service|JAX distributed service)"
  r"|W\d{4} .*Failed to retrieve preemption notice"
)


def main() -> None:
  """Copies lines; of those after the one that tells of it, nothing."""
  told = False
  for line in sys.stdin:
    if told:
      continue
    from_library = _LIBRARY.match(line) is not None
    told = from_library or SENTENCE in line
    sys.stderr.write(f"error: {SENTENCE}\n" if from_library else line)
    sys.stderr.flush()


if __name__ == "__main__":
  main()
