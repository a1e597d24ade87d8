"""The surroundings of every command: flags, errors, output folders."""
