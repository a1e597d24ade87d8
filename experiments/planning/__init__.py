"""The cost of a run before it is trained: `train --plan`."""
