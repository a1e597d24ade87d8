"""What may happen to an image without an adversary: common corruptions.

A corruption is one module with one function, `(keys, x, severity) -> x'`, as
`signature.corruption` says, compiled once for all severities.
`draws.image_keys` makes the keys, and `suites` names the corruptions of
ImageNet-C and MNIST-C. Modules that hold no function of their own name are what
several corruptions share.
"""
