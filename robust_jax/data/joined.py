"""Several data sets as one."""

import bisect
import dataclasses
import itertools
from collections.abc import Sequence

from robust_jax.data.source import Source


def joined(sources: Sequence[Source]) -> Source:
  """All examples of the first, then all of the second, and so on.

  Args:
    sources: one or more, of one image shape and one number of classes.
  """
  first = sources[0]
  if len(sources) == 1:
    return first
  starts = [0, *itertools.accumulate(len(source) for source in sources)]

  def read_pairs(indices):
    for index in indices:
      which = bisect.bisect_right(starts, index) - 1
      yield from sources[which].read_pairs([index - starts[which]])

  return dataclasses.replace(
    first,
    name=" + ".join(source.name for source in sources),
    num_examples=starts[-1],
    read_pairs=read_pairs,
  )
