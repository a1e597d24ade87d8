"""Start and end of programs that run as several processes."""
