"""Configuration of real servers: they accept packets to the VIPs, and their replies reach the clients."""
