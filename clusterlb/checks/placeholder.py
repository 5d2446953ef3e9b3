"""``{address}`` and ``{port}`` in a path or an argument."""

from __future__ import annotations

from clusterlb.model.address import Endpoint


def fill_in(text: str, endpoint: Endpoint) -> str:
    """Put a member's address and port in. Nothing else in braces means anything."""
    return text.replace("{address}", str(endpoint.address)).replace("{port}", str(endpoint.port))
