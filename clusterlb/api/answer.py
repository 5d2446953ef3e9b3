"""JSON answers."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web


def answer(data: Any, code: int = 200) -> web.Response:
    """Return data as a JSON response."""
    return web.Response(text=json.dumps(data), content_type="application/json", status=code)
