"""The netlink protocol, for all drivers."""
