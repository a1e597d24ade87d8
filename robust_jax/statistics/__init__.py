"""Statistics of predictions: risks, intervals, tests, decisions; numpy only."""
