"""Common parts of all commands: flags, errors, output folders, processes."""
