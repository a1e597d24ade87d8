"""What makes a trained model more robust without training it again."""
