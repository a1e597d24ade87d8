"""Reports of a comparison: JSON, HTML page and tables."""
