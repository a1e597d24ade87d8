"""Training problems, each three pure functions: init, step, evaluate."""
