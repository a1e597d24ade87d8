"""Tests of whether the gradients of a model can be trusted."""
