"""What models are compared under: a family of transformations per module.

A module holds one function of its own name, `(shapes) -> Family`, where
`shapes` are those of the images, (H, W, C) each. A new module is a new family:
`evaluation.catalogue` finds it by its name.
"""
