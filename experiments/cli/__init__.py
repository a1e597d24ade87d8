"""What all commands need: flags, errors, output folders, processes."""
