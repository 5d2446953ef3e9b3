"""The whole cluster on one machine."""
