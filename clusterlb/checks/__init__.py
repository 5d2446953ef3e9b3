"""Check specifications to observations: one engine in a process of its own, one file a kind of check."""
