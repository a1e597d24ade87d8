"""What an accelerator does with this project, in a few minutes."""
