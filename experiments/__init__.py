"""The command line: configs, and what turns them into runs."""
