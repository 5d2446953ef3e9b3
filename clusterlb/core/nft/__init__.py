"""What our nftables table should hold: each file one purpose, its chains and its sets."""
