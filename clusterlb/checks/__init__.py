"""From check specifications to observations: an engine in its own process, one file for each kind."""
