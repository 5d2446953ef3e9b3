"""FRR's link-state databases, from its JSON.

The keys of these commands are the same from FRR 8.4 to 10.7 (``ospfd/ospf_vty.c``, ``ospf6d/ospf6d.c``,
``ospf6_intra.c`` and ``ospf6_asbr.c``). The keys of ``show ip ospf database json``, and of its
``self-originate`` and ``adv-router`` forms, differ between versions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import TypeVar

from clusterlb.drivers.interface import DriverError
from clusterlb.model.lsdb import Databases, HostRoute, Lsdb, NetworkId, NetworkLsa, RouterLink, RouterLsa

# All commands of a tuple go into one call of vtysh, which prints their answers one after the other.
OSPF_COMMANDS = tuple(
    f"show ip ospf database {kind} json" for kind in ("router", "network", "external", "nssa-external")
)
OSPF6_COMMANDS = ("show ipv6 ospf6 database detail json",)

_Object = dict[str, object]
_T = TypeVar("_T")


def parse_databases(ospf: str, ospf6: str | None = None) -> Databases:
    """Parse ospfd's answer to OSPF_COMMANDS, and ospf6d's answer to OSPF6_COMMANDS.

    Raises DriverError for any other text, such as the answer while OSPF is not configured.
    """
    return Databases(_read(ospf, _ospf, "ospfd"), None if ospf6 is None else _read(ospf6, _ospf6, "ospf6d"))


def _read(text: str, parse: Callable[[_Object], Lsdb], daemon: str) -> Lsdb:
    try:
        return parse(_merged(text))
    except (ValueError, RecursionError) as error:
        raise DriverError(f"{daemon}'s link-state database is unreadable, {error}: {text[:200]!r}") from error


def _merged(text: str) -> _Object:
    """Merge all JSON objects in a text into one."""
    decoder = json.JSONDecoder()
    merged: _Object = {}
    rest = text.lstrip()
    while rest:
        answer, end = decoder.raw_decode(rest)
        merged |= _typed(answer, dict, "the answer")
        rest = rest[end:].lstrip()
    return merged


def _ospf(answer: _Object) -> Lsdb:
    routers: list[RouterLsa] = []
    routes: list[HostRoute] = []
    for area, lsa in _by_area(answer, "routerLinkStates"):
        router_id, age = _id(lsa, "advertisingRouter"), _number(lsa, "lsaAge")
        routers.append(RouterLsa(area, router_id, tuple(_ospf_links(lsa)), age))
        routes += (HostRoute(area, router_id, vip, cost, False, age) for vip, cost in _ospf_hosts(lsa))
    networks = tuple(
        NetworkLsa(
            area,
            NetworkId(None, _id(lsa, "linkStateId")),
            # FRR's own spelling
            frozenset(IPv4Address(router) for router in _get(lsa, "attchedRouters", dict)),
            _number(lsa, "lsaAge"),
        )
        for area, lsa in _by_area(answer, "networkLinkStates")
    )
    everywhere = [(None, lsa) for lsa in _list(answer, "asExternalLinkStates")]
    for where, lsa in (*everywhere, *_by_area(answer, "nssaExternalLinkStates")):
        if _number(lsa, "networkMask") == 32:
            router_id, address = _id(lsa, "advertisingRouter"), _id(lsa, "linkStateId")
            cost, age = _number(lsa, "metric"), _number(lsa, "lsaAge")
            routes.append(HostRoute(where, router_id, address, cost, True, age))
    return Lsdb(tuple(routers), networks, tuple(routes))


def _ospf_links(lsa: _Object) -> Iterator[RouterLink]:
    for link in _get(lsa, "routerLinks", dict).values():
        cost = _number(link, "tos0Metric")
        if "neighborRouterId" in link:
            yield RouterLink(_id(link, "neighborRouterId"), cost)
        elif "designatedRouterAddress" in link:
            yield RouterLink(NetworkId(None, _id(link, "designatedRouterAddress")), cost)


def _ospf_hosts(lsa: _Object) -> Iterator[tuple[IPv4Address, int]]:
    for link in _get(lsa, "routerLinks", dict).values():
        if "networkAddress" in link and _get(link, "networkMask", str) == "255.255.255.255":
            yield _id(link, "networkAddress"), _number(link, "tos0Metric")


def _by_area(answer: _Object, key: str) -> Iterator[tuple[str, _Object]]:
    areas = _get(_get(answer, key, dict), "areas", dict)
    for area in areas:
        for lsa in _list(areas, area):
            yield area, lsa


def _ospf6(answer: _Object) -> Lsdb:
    routers: list[RouterLsa] = []
    networks: list[NetworkLsa] = []
    routes: list[HostRoute] = []
    for area, lsa in _ospf6_lsas(answer):
        kind, router_id, age = _get(lsa, "type", str), _id(lsa, "advertisingRouter"), _number(lsa, "age")
        if kind == "Router" and area is not None:
            routers.append(RouterLsa(area, router_id, tuple(_ospf6_links(lsa)), age))
        elif kind == "Network" and area is not None:
            attached = frozenset(
                IPv4Address(_typed(router, str, "a router")) for router in _get(lsa, "attachedRouter", list)
            )
            networks.append(NetworkLsa(area, NetworkId(router_id, _id(lsa, "linkStateId")), attached, age))
        elif kind == "Intra-Prefix" and _get(lsa, "reference", str) == "Router":
            for prefix in _list(lsa, "prefix"):
                routes += _ospf6_host(area, router_id, prefix, False, age)
        elif kind in {"AS-External", "NSSA"}:
            routes += _ospf6_host(area, router_id, lsa, True, age)
    return Lsdb(tuple(routers), tuple(networks), tuple(routes))


def _ospf6_lsas(answer: _Object) -> Iterator[tuple[str | None, _Object]]:
    for area in _list(answer, "areaScopedLinkStateDb"):
        for lsa in _list(area, "lsa"):
            yield _get(area, "areaId", str), lsa
    for scope in _list(answer, "asScopedLinkStateDb"):
        for lsa in _list(scope, "lsa"):
            yield None, lsa


def _ospf6_links(lsa: _Object) -> Iterator[RouterLink]:
    for link in _list(lsa, "lsaDescription"):
        kind, neighbour, cost = (
            _get(link, "type", str),
            _id(link, "neighborRouterId"),
            _number(link, "metric"),
        )
        if kind == "Transit-Network":
            yield RouterLink(NetworkId(neighbour, _id(link, "neighborInterfaceId")), cost)
        elif kind in {"Point-To-Point", "Virtual-Link"}:
            yield RouterLink(neighbour, cost)


def _ospf6_host(
    area: str | None, router_id: IPv4Address, source: _Object, external: bool, age: int
) -> Iterator[HostRoute]:
    # the default route has no length
    address, _, length = _get(source, "prefix", str).partition("/")
    if length == "128":
        yield HostRoute(area, router_id, IPv6Address(address), _number(source, "metric"), external, age)


def _get(source: object, key: str, kind: type[_T]) -> _T:
    """Return a member of an object; ValueError for a missing member or one of another type."""
    if not isinstance(source, dict) or key not in source:
        raise ValueError(f"{key} is missing")
    return _typed(source[key], kind, key)


def _typed(value: object, kind: type[_T], name: str) -> _T:
    if type(value) is not kind:  # a bool is an int to isinstance
        raise ValueError(f"{name} is {value!r:.40}, not of type {kind.__name__}")
    return value


def _list(source: object, key: str) -> list[_Object]:
    return [_typed(item, dict, key) for item in _get(source, key, list)]


def _number(source: object, key: str) -> int:
    number = _get(source, key, int)
    if number < 0:
        raise ValueError(f"{key} is {number}")
    return number


def _id(source: object, key: str) -> IPv4Address:
    return IPv4Address(_get(source, key, str))
