"""Common parts of the configs of Fader autoencoders."""

from collections.abc import Mapping

from ml_collections import ConfigDict

from experiments.configs import common


def autoencoder(data: str) -> ConfigDict:
  """Makes the config of a Fader autoencoder of ten classes.

  It includes the control and the independent classifier.

  Args:
    data: name of a dataset.
  """
  return ConfigDict(
    {
      "seed": 0,
      "precision": "float32",
      "data": {"kind": "dataset", "name": data} | common.PARTS,
      "model": {
        "name": "fader_autoencoder",
        "code_size": 6,
        "label_planes": False,
      },
      "task": {
        "name": "fader",
        "objective": "confuse",
        "beta": 0.02,
        "schedule": "linear",
        "classifier_steps": 5,
        "hidden": (512,),
        "dropout": 0.0,
      },
      # Trained first, in <workdir>/control: the autoencoder without adversary.
      "control": {"task": {"beta": 0.0, "classifier_steps": 1}},
      "report": "fader_report",
      "optimizers": {
        "autoencoder": {
          "name": "adam",
          "learning_rate": 1e-3,
          "schedule": "cosine",
          "b1": 0.5,
        },
        "classifier": {
          "name": "adam",
          "learning_rate": 2e-3,
          "schedule": "constant",
          "b1": 0.5,
        },
      },
      "training": {
        "num_epochs": 8.0,
        "batch_size": 64,
        "log_every": 20,
        "evaluate_every_epochs": 4.0,
        "keep_last": 2,
        # The last step is reported. The best reconstruction would be a biased
        # choice: it is that of codes that still contain the label.
        "monitor": "psnr",
        "monitor_mode": "max",
        "max_drop": float("inf"),
      },
      "evaluation": {
        "batch_size": 256,
        # Number of codes that fresh probes are trained on.
        "probe_examples": 20000,
        # The run of a classifier of images with swapped attributes; "" trains
        # the one below.
        "independent_classifier": "",
      },
      # Trained in <workdir>/independent_classifier.
      "independent_classifier": independent_classifier(data).to_dict(),
    }
  )


def measured_attributes(
  config: ConfigDict, thresholds: Mapping[str, float]
) -> ConfigDict:
  """Changes the labels of a config to attributes measured on the images.

  Args:
    config: the config, which is edited.
    thresholds: see `label_types.measured`.
  """
  config.model.num_attributes = len(thresholds)
  config.task.update(objective="mislead", attributes=dict(thresholds))
  config.report = "fader_attributes_report"
  return config


def independent_classifier(data: str) -> ConfigDict:
  """Makes the config of a classifier, with 99 % accuracy on MNIST."""
  config = common.classifier(data, "dann_mnist", eps=0.3)
  config.model.update(batch_norm="per_device", dropout=0.5)
  config.evaluator.validation_attacks = {}
  config.optimizer.update(learning_rate=3e-3, schedule="triangle")
  config.training.update(num_epochs=5.0)
  return config


def finish(config: ConfigDict, arg: str) -> ConfigDict:
  """Applies the argument of a config, none or "smoke", see `common.finish`.

  Raises:
    ValueError: another argument.
  """
  common.check_argument(arg)
  if arg == "smoke":
    common.smoke_data(config)
    common.smoke_data(config.independent_classifier)
    config.independent_classifier.model = {"name": "small_cnn"}  # compiles fast
    config.model.decoder_widths = (8, 4)
    config.task.update(hidden=(8,), classifier_steps=1)
    config.evaluation.probe_examples = 32
  return config
