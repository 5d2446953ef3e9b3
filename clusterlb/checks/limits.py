"""How many descriptors this process may open."""

from __future__ import annotations

import resource


def raise_descriptor_limit() -> int:
    """Raise RLIMIT_NOFILE to its hard limit, which needs no privilege (setrlimit(2)), and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
