"""SNAT pools on all-active directors: which director translates a flow, and how the others send it there."""
