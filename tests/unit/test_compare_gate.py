"""Which model a gate checks, and against which."""

import pytest

from experiments.compare.gate import GateRequest


@pytest.mark.parametrize(
  ("given", "candidate", "baseline"),
  [
    ({}, "A", "B"),
    ({"candidate": "C"}, "C", "A"),
    ({"baseline": "C"}, "A", "C"),
    ({"baseline": "A"}, "B", "A"),
    ({"candidate": "B", "baseline": "C"}, "B", "C"),
  ],
)
def test_what_is_not_given_is_the_first_other_model(given, candidate, baseline):
  resolved = GateRequest(**given).resolve(["A", "B", "C"])
  assert (resolved.candidate, resolved.baseline) == (candidate, baseline)


def test_a_single_model_has_no_baseline():
  assert GateRequest().resolve(["A"]).baseline is None


@pytest.mark.parametrize(
  "given", [{"candidate": "A", "baseline": "A"}, {"baseline": "D"}]
)
def test_the_same_model_twice_and_an_unknown_one_are_refused(given):
  with pytest.raises(ValueError, match="expected"):
    GateRequest(**given).resolve(["A", "B", "C"])
