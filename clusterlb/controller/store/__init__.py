"""The controller's memory: events go in, tables come out, and nothing else writes to them."""
