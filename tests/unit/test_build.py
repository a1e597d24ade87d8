"""What a config may not say."""

import pytest

from experiments import build
from experiments.configs import common


@pytest.mark.parametrize(
  ("edit", "message"),
  [
    (
      lambda c: c.data.__delitem__("validation"),
      "no part 'validation' .* 'digits'",
    ),
    (
      lambda c: c.model.update(num_classes=7),
      "num_classes = 7: wanted none, the data has 10",
    ),
  ],
)
def test_a_config_that_does_not_fit_is_refused(edit, message):
  config = common.classifier("digits", "mlp", 0.1)
  with config.unlocked():
    edit(config)
  with pytest.raises(ValueError, match=message):
    build.experiment(config)
