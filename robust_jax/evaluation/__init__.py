"""What a trained model withstands: suites, curves, reports."""
