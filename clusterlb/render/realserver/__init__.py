"""What real servers need so that packets of the VIPs reach them, and replies the clients."""
