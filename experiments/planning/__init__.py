"""What a run would take, without training it: `train --plan`."""
