"""The unix-socket HTTP API and the metrics."""
