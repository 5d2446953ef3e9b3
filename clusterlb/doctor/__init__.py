"""Preflight probes: what is wrong, why it matters, the exact fix."""
