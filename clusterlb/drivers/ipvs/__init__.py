"""IPVS through generic netlink: our own batched codec, the driver, and its fake."""
