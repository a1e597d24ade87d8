"""The one loop, and what it needs; it knows a task only as its type."""
