"""What a config names as its `report`: (path, config, num_examples) -> dict."""
