"""Compare a switch's configuration with the configuration that the inventory needs."""
