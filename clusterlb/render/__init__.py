"""Configuration text for other programs: FRR, ipvsadm, the access switch and the real servers."""
