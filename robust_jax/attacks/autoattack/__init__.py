"""AutoAttack, its parts, and suites of attacks in sequence."""
