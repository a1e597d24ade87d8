"""Many runs: sweeps of a config over values and seeds, and lists of runs."""
