"""Reports of trained runs, functions (path, config, num_examples) -> dict.

A config names one of them as its `report`.
"""

from experiments.reports.adaptation_report import adaptation_report
from experiments.reports.detection_report import detection_report
from experiments.reports.fader_attributes_report import fader_attributes_report
from experiments.reports.fader_report import fader_report
from experiments.reports.generation_report import generation_report
from experiments.reports.pix2pix_report import pix2pix_report

__all__ = [
  "adaptation_report",
  "detection_report",
  "fader_attributes_report",
  "fader_report",
  "generation_report",
  "pix2pix_report",
]
