"""Predictors: models of any kind as functions of 8-bit images."""
