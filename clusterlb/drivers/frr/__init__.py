"""FRR through vtysh: configuration text and lines, merging, applying, neighbours."""
