"""Our nftables table through nft: scripts, listings, the driver, and its fake."""
