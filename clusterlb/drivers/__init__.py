"""Read the actual state, apply one step."""
