"""A filter of standard error that shortens messages about a lost process.

It is a program of its own, because it has to outlive the process whose messages
it filters.
"""

import re
import sys

SENTENCE = (
  "another process of this run has ended or cannot be reached, so this one "
  "ends too. Give the same command in all processes again: training resumes "
  "from the last checkpoint."
)
# As in "E1126 08:56:08.087097    5971 coordination_service_agent.cc:289] ..."
_LIBRARY = re.compile(
  r"[EF]\d{4} .*(coordination_service|JAX distributed service)"
  r"|W\d{4} .*Failed to retrieve preemption notice"
)


def main() -> None:
  """Copies lines up to the first one about a lost process."""
  is_lost = False
  for line in sys.stdin:
    if is_lost:
      continue
    from_library = _LIBRARY.match(line) is not None
    is_lost = from_library or SENTENCE in line
    sys.stderr.write(f"error: {SENTENCE}\n" if from_library else line)
    sys.stderr.flush()


if __name__ == "__main__":
  main()
