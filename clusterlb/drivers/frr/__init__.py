"""FRR through vtysh: configuration text and lines, rendering, merging, applying, neighbours."""
