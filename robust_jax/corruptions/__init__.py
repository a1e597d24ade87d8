"""What may happen to an image without an adversary: common corruptions.

A corruption is one module with one function, `(keys, x, severity) -> x'`, as
`signature.corruption` says; `draws.image_keys` makes the keys and `suites` names
those of ImageNet-C and MNIST-C. All are compiled once for five severities.
"""
