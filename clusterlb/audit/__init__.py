"""A switch's configuration, read and compared with what goes with the inventory."""
