"""Robust and adversarial optimization: min over a model, max over an adversary.

An attack is a search over a perturbation set for an objective; a task is three
pure functions; one loop runs every task; a config only names things.
"""

__version__ = "0.1.0"
