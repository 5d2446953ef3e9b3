"""The kinds of values that an inventory has, beyond text and numbers.

Values for FRR's configuration, a command line or a file name have a strict character set, always checked by
``fullmatch``: none of them has a line break.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from clusterlb.model.address import IPAddress, IPNetwork
from clusterlb.model.inventory import Amount
from clusterlb.model.ospf import OUR_INTERFACES
from clusterlb.model.vrrp import DEVICE

_DURATION = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h)"
_LONG_DURATION = _DURATION.replace("|h)", "|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WHOLE = {1: "whole seconds", 0.01: "a multiple of 10ms", 0.001: "whole milliseconds"}
_PERCENT = re.compile(r"([0-9]{1,3})%")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
# in sysctls, `all` and `default` stand where an interface's name stands (ip-sysctl.rst)
_NO_LINKS = frozenset({"lo", "all", "default"})
_THIS_NETWORK = IPv4Network("0.0.0.0/8")
_NO_HOSTS = frozenset({IPv4Address("255.255.255.255"), IPv6Address("::")})
_SPECIAL: dict[IPNetwork, str] = {  # RFC 6890, RFC 5771, RFC 4291
    _THIS_NETWORK: "no host's",
    IPv4Network("127.0.0.0/8"): "each host's own",
    IPv4Network("169.254.0.0/16"): "for one link alone",
    IPv4Network("224.0.0.0/4"): "for groups of hosts",
    IPv4Network("240.0.0.0/4"): "reserved",
    IPv6Network("::/127"): "each host's own",
    IPv6Network("::ffff:0:0/96"): "IPv4 in IPv6 form",
    IPv6Network("fe80::/10"): "for one link alone",
    IPv6Network("ff00::/8"): "for groups of hosts",
}
_WIDEST = {4: 8, 6: 7}  # 10.0.0.0/8 (RFC 1918) and fc00::/7 (RFC 4193) are the widest prefixes one may own
STRING: Mapping[str, object] = {"type": "string"}  # in JSON Schema
_MD5_KEY = re.compile(r"(?![!#])[!-~]{1,16}")


def refuse(text: str, hint: str = "") -> PydanticCustomError:
    """Return the error of a field's own check; the message is the field's name and this text."""
    return PydanticCustomError("refused", "{text}", {"text": text, "hint": hint})


@dataclass(frozen=True, eq=False)
class Checked:
    """A field: ``parse`` reads the file's value, ``show`` writes it back, ``schema`` is its JSON Schema."""

    parse: Callable[[Any], object]
    schema: Mapping[str, object]
    show: Callable[[Any], object] = str

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        # the serializer writes the defaults in the schema
        return core_schema.no_info_plain_validator_function(
            self.parse, serialization=core_schema.plain_serializer_function_ser_schema(self.show)
        )

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return dict(self.schema)


def duration_text(seconds: float, days: bool = False) -> str:
    """Write seconds as an inventory does, whole days as days where the field has them."""
    if days and seconds and not seconds % _UNITS["d"]:
        return f"{seconds / _UNITS['d']:.0f}d"
    number, unit = (seconds, "s") if seconds >= 1 or not seconds else (seconds * 1000, "ms")
    return f"{number:.6f}".rstrip("0").rstrip(".") + unit


def parse_duration(value: object, days: bool = False) -> float:
    """Return the seconds of ``50ms``, ``1s``, ``1.5s``, ``2m``, ``1h``, and of ``30d`` where days count."""
    pattern = _LONG_DURATION if days else _DURATION
    match = re.fullmatch(pattern, value) if isinstance(value, str) else None
    if match is None:
        raise refuse("needs a duration with its unit", _duration_hint(days))
    return round(float(match[1]) * _UNITS[match[2]], 6)


def duration(low: float, high: float, whole: float | None = None, days: bool = False) -> Checked:
    """Return a field for a duration between two bounds, and a multiple of ``whole``; all in seconds."""
    kind = "a duration" if whole is None else _WHOLE[whole]
    hint = _duration_hint(days) if whole is None else f"it is configured in {kind}"
    bounds = f"from {duration_text(low, days)} to {duration_text(high, days)}"

    def parse(value: object) -> float:
        seconds = parse_duration(value, days)
        if not low <= seconds <= high or (whole and round(round(seconds / whole) * whole, 6) != seconds):
            raise refuse(f"needs {kind} {bounds}", hint)
        return seconds

    return Checked(
        parse,
        {
            **STRING,
            "pattern": f"^{_LONG_DURATION if days else _DURATION}$",
            "examples": [duration_text(low, days), duration_text(high, days)],
            "$comment": f"{kind} {bounds}",
        },
        lambda seconds: duration_text(seconds, days),
    )


def _duration_hint(days: bool) -> str:
    return "write for example `12h`, `30d`" if days else "write for example `50ms`, `1.5s`, `2m`"


def parse_percent(value: object) -> int:
    """Return the number of ``30%``, from 0 to 100."""
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) > 100:
        raise refuse(
            "needs a percentage from 0% to 100%", "write a whole number with its sign, such as `30%`"
        )
    return int(match[1])


def amount(low: int) -> Checked:
    """Return a field for a count of at least ``low``, or a percentage of at least ``low`` per cent."""

    def parse(value: object) -> Amount:
        percent = isinstance(value, str) and _PERCENT.fullmatch(value) is not None
        number = parse_percent(value) if percent else value
        if not isinstance(number, int) or isinstance(number, bool) or number < low:
            raise refuse(
                f"needs a whole number from {low}, or a percentage from {low}% to 100%",
                "write for example `2` or `50%`",
            )
        return Amount(number, percent)

    return Checked(
        parse,
        {"anyOf": [{"type": "integer", "minimum": low}, {**STRING, "pattern": f"^{_PERCENT.pattern}$"}]},
        lambda found: str(found) if found.percent else found.value,
    )


def parse_address(value: object) -> IPAddress:
    """Return a unicast address that is the same host on every director."""
    text = text_of(value)
    try:
        # a zone such as %eth0 is different on each director, and may hold any character
        address = ip_address(text.replace("%", "no zone"))
    except ValueError:
        raise refuse("needs an IP address", "write for example 10.2.0.101 or 2001:db8::101") from None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        mapped = parse_address(str(address.ipv4_mapped))
        raise refuse("is an IPv4 address in IPv6 form", f"write {mapped}")
    if address.is_multicast or address in _THIS_NETWORK or address in _NO_HOSTS:
        raise refuse("needs the address of one host", f"{address} is none")
    if isinstance(address, IPv6Address) and address.is_link_local:
        raise refuse("needs an address that can be routed", f"{address} means another host on each link")
    return address


def parse_vip(value: object) -> IPAddress:
    """Return an address that OSPF can announce."""
    address = parse_address(value)
    if address.is_loopback or address.is_link_local:
        raise refuse("needs an address that can be routed", f"{address} never leaves its host or link")
    return address


def parse_network(value: object) -> IPNetwork:
    """Return a prefix without host bits that may be announced: it has no special addresses (RFC 6890)."""
    network = _network(value, "give the prefixes that are yours to announce")
    for special, what in _SPECIAL.items():
        if network.version == special.version and network.overlaps(special):
            raise refuse(
                f"has addresses that nobody can announce: {special} is {what}",
                "give the prefixes that are yours to announce",
            )
    if network.prefixlen < _WIDEST[network.version]:
        raise refuse(
            f"is wider than a /{_WIDEST[network.version]}", "give the prefixes that are yours to announce"
        )
    return _without_host_bits(value, network)


def parse_hosts(value: object) -> IPNetwork:
    """Return a prefix that matches forwarded packets of some hosts."""
    network = _network(value, "give the networks that it concerns")
    for special, what in _SPECIAL.items():
        within = network.version == special.version and network.network_address in special
        if within and network.prefixlen >= special.prefixlen:
            raise refuse(f"is in {special}: {what}", "give the networks that it concerns")
    return _without_host_bits(value, network)


def _network(value: object, every: str) -> IPNetwork:
    """Return a prefix with its host bits cleared; ``every`` is the hint for a prefix of length 0."""
    text = text_of(value)
    if "%" in text:
        raise refuse("has a zone", f"leave out `%{text.partition('%')[2].partition('/')[0]}`")
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise refuse("needs a prefix", "write for example 10.100.0.0/24 or 2001:db8::/64") from None
    if not network.prefixlen:
        raise refuse("would allow every address", every)
    return network


def _without_host_bits(value: object, network: IPNetwork) -> IPNetwork:
    if network.network_address != ip_address(text_of(value).partition("/")[0]):
        raise refuse("has host bits behind the prefix", f"write {network}")
    return network


def parse_router_id(value: object) -> IPv4Address:
    """Return an OSPF router id."""
    try:
        router_id = IPv4Address(text_of(value))
    except ValueError:
        raise refuse("needs a router id in dotted form", "write for example 10.1.0.1") from None
    if not int(router_id):
        raise refuse("may not be 0.0.0.0", "FRR takes that for no router id at all")
    return router_id


def parse_area(value: object) -> IPv4Address:
    """Return an OSPF area, given as 0.0.0.0 or as a number."""
    number = isinstance(value, int) and not isinstance(value, bool)
    try:
        return IPv4Address(value if number else text_of(value))
    except ValueError:
        raise refuse("needs an OSPF area", "write for example 0.0.0.0 or 0") from None


def parse_name(value: object) -> str:
    """Return a name that is safe in a file name, a metric and FRR's configuration."""
    text = text_of(value)
    if not NAME.fullmatch(text):
        raise refuse(
            "is not a good name",
            "1 to 63 letters, digits, dots, hyphens and underscores; the first is a letter or digit",
        )
    return text


def parse_interface(value: object) -> str:
    """Return an interface name that Linux accepts (net/core/dev.c, dev_valid_name) and FRR can write."""
    text = text_of(value)
    if not _INTERFACE.fullmatch(text):
        raise refuse(
            "is not a good interface name",
            "1 to 15 letters, digits, dots, hyphens and underscores, as `ip link` shows",
        )
    if text.startswith(OUR_INTERFACES) or DEVICE.fullmatch(text):
        raise refuse("is an interface that clusterlb makes itself", "name the one that leads to the switch")
    if text in _NO_LINKS:
        raise refuse("is no interface that leads anywhere", "name the one that leads to the switch")
    return text


def parse_md5_key(value: object) -> str:
    """Return an OSPF MD5 key (RFC 2328 D.3: 16 octets) that FRR's line-based configuration can carry."""
    text = text_of(value)
    if len(text) > 16:
        raise refuse("is longer than 16 characters", "OSPF's MD5 keys have 16 octets (RFC 2328, D.3)")
    if not _MD5_KEY.fullmatch(text) or set(text) & set("\"'\\`|?"):
        raise refuse(
            "has characters that FRR's configuration cannot carry",
            "1 to 16 printable ASCII characters; no space, quote, backslash, backtick, `|` or `?`; "
            "no `!` or `#` at the beginning",
        )
    return text


def text_of(value: object) -> str:
    """Return text unchanged; any other value is an error."""
    if isinstance(value, str):
        return value
    raise PydanticCustomError("string_type", "needs text")


Address = Annotated[
    IPAddress, Checked(parse_address, {**STRING, "examples": ["10.2.0.101", "2001:db8::101"]})
]
Network = Annotated[IPNetwork, Checked(parse_network, {**STRING, "examples": ["10.100.0.0/24"]})]
VipAddress = Annotated[IPAddress, Checked(parse_vip, {**STRING, "examples": ["10.100.0.2", "2001:db8::2"]})]
SourceNetwork = Annotated[
    IPNetwork, Checked(parse_hosts, {**STRING, "examples": ["10.2.0.0/24", "2001:db8::/64"]})
]
RouterId = Annotated[IPv4Address, Checked(parse_router_id, {**STRING, "format": "ipv4"})]
Area = Annotated[IPv4Address, Checked(parse_area, {"type": ["string", "integer"], "examples": ["0.0.0.1"]})]
Name = Annotated[str, Checked(parse_name, {**STRING, "pattern": f"^{NAME.pattern}$"})]
InterfaceName = Annotated[str, Checked(parse_interface, {**STRING, "pattern": f"^{_INTERFACE.pattern}$"})]
Md5Key = Annotated[str, Checked(parse_md5_key, {**STRING, "minLength": 1, "maxLength": 16})]
Percent = Annotated[
    int, Checked(parse_percent, {**STRING, "pattern": f"^{_PERCENT.pattern}$"}, lambda value: f"{value}%")
]
