"""Other people's data sets and models, as evaluations want them."""
