"""The JSON form of the model's objects, both ways: enums by value, addresses and endpoints as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from clusterlb.controller.intent_record import from_record, to_record
from clusterlb.model.address import Endpoint, IPAddress
from clusterlb.model.intent import Drain, Intent, Pause, Pin

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")

_TEXTS = (IPv4Address, IPv6Address)


def answer(data: object, code: int = 200) -> web.Response:
    """Return an object of the model, or plain data, as a JSON response."""
    return web.Response(text=encode(data), content_type="application/json", status=code)


def encode(data: object, indent: int | None = None) -> str:
    """Return the JSON form of an object of the model, or of plain data.

    Each object is converted as it is written, so a status with 10,000 members is never in memory twice.
    """
    return json.dumps(data, default=_plain, indent=indent)


def decode(kind: type[T], data: object) -> T:
    """Return the object of this class from its parsed JSON form; ValueError for data of another form."""
    from cattrs import BaseValidationError  # noqa: PLC0415 - only commands decode, and the controller saves its memory

    try:
        return _converter().structure(data, kind)
    except (BaseValidationError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"no {kind.__name__}: {error}") from error


def _plain(item: Any) -> object:
    if isinstance(item, Pin | Drain | Pause):
        return to_record(item)
    if isinstance(item, Enum):
        return item.value
    if isinstance(item, _TEXTS):
        return str(item)
    return {each.name: _value(getattr(item, each.name)) for each in fields(item)}


def _value(value: Any) -> object:
    """Convert values that ``json`` does not pass to ``default``: named tuples and the keys of mappings."""
    if isinstance(value, Endpoint):
        return str(value)
    if isinstance(value, Mapping):
        return {_key(key): item for key, item in value.items()}
    return value


def _key(key: Any) -> str:
    return str(key.value if isinstance(key, Enum) else key)


@cache
def _converter() -> Converter:
    from cattrs import Converter  # noqa: PLC0415 - as above

    converter = Converter()
    converter.register_structure_hook(IPv4Address, lambda text, _: IPv4Address(text))
    converter.register_structure_hook(IPAddress, lambda text, _: ip_address(text))
    converter.register_structure_hook(Endpoint, lambda text, _: Endpoint.parse(text))
    converter.register_structure_hook(Intent, lambda record, _: from_record(record))
    return converter
