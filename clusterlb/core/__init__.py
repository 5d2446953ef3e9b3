"""Pure decisions: no clock, no socket, no file."""
