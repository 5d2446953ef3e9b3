"""The loop and the only clock."""
