"""One file per experiment: `get_config(arg) -> ConfigDict` of plain values."""
