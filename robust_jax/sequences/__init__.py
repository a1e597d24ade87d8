"""Images that change little by little: does the answer hold?

A sequence is one module with one function, `(keys, x) -> frames`, as
`signature.sequence` says. `suites` names those of ImageNet-P.
`statistics.flip_probability` and `statistics.top5_distance` say what the
answers to the frames amount to.
"""
