"""Parts of the command `attack`: its images, its attack, and what it writes."""
