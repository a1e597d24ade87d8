"""Parts of the evaluation of runs of texts: attacks, fronts, pages."""
