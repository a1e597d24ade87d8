"""The training loop for any `Task`, with checkpoints, logs and progress."""
