"""A kernel with IPVS for the lab: the running one, one that runs as a process, or an emulated one."""
