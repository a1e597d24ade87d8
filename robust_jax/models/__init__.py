"""Classifiers: linen modules from images in [0, 1] to logits.

Each is called as `model.apply(variables, x, train=False)` with x
`[B, H, W, C]` and returns float32 logits `[B, K]`; what data sets need, from
pixel statistics to channel counts, is a field of the module.
"""
