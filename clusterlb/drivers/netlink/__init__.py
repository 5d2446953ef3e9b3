"""The netlink protocol, once."""
