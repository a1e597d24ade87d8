"""Pictures of what a run has learned so far, drawn during its training.

A config names one of them in its section `pictures`, with its options. A
factory makes functions of the deployed model, by name, that return an
`ImageGrid`; with a parameter `config` it is given that of the run.
"""

from experiments.pictures.generated_samples import generated_samples
from experiments.pictures.other_labels import other_labels
from experiments.pictures.translations import translations

__all__ = ["generated_samples", "other_labels", "translations"]
