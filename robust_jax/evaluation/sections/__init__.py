"""What a comparison may hold beside its families: a section per module.

A module holds one class of its own name, as `evaluation.section.Section` says.
"""
