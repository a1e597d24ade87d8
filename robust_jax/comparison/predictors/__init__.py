"""Predictors: models of any kind as functions of a batch of examples."""
