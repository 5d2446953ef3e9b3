"""A kernel with IPVS for the lab: the running one, User-Mode Linux, or an emulated one."""
