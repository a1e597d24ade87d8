"""Tables, the page and the recommendation of a comparison."""
