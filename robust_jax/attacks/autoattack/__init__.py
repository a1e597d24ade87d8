"""AutoAttack, its parts, and suites of attacks run in sequence."""
