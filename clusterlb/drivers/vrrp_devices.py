"""The macvlan devices of VRRP's virtual routers, by rtnetlink.

vrrpd requires a device for each virtual router, on its link and with the virtual router's MAC address (FRR's
manual, chapter VRRP; RFC 5798, 7.3). vrrpd holds a device down (``protodown``, Linux 5.1 or later) while the
director is not master.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from errno import ENODEV
from ipaddress import ip_address

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from clusterlb.drivers.sysctl import KernelSysctl
from clusterlb.model.address import IPAddress
from clusterlb.model.vrrp import DEVICE, VrrpDevice

_IFF_UP = 0x1
_NO_DAD = 0x2  # IFA_F_NODAD: every director has the address and the MAC address
# include/uapi/linux/if_link.h, enum in6_addr_gen_mode. Not made from the MAC address, which all directors
# share: VRRP distinguishes routers by their link-local addresses.
_ADDR_GEN_MODE = {4: "1", 6: "3"}


def read_devices(ipr: IPRoute) -> Iterator[VrrpDevice]:
    """Yield our devices that are up, apart from vrrpd's ``protodown``, and have no address but the VIP."""
    for index, name in socket.if_nameindex():
        if DEVICE.fullmatch(name):
            device = _device(ipr, index, name)
            if device is not None:
                yield device


def add_device(ipr: IPRoute, device: VrrpDevice) -> None:
    """Create or correct a device; a new device is held down until vrrpd decides.

    Raises NetlinkError, OSError, and DriverError for a kernel setting.
    """
    found = _link(ipr, device.name)
    if found is not None and not _same(ipr, found, device):
        ipr.link("del", index=found["index"])
        found = None
    if found is None:
        ipr.link(
            "add",
            ifname=device.name,
            kind="macvlan",
            link=_index(ipr, device.link),
            address=device.mac,
            macvlan_mode="bridge",
        )
        ipr.link("set", index=_index(ipr, device.name), proto_down=1)
    index = _index(ipr, device.name)
    _write_settings(device)
    present = set(_addresses(ipr, index))
    wanted = set() if device.address is None else {device.address}
    for address in present - wanted:
        ipr.addr("delete", index=index, address=str(address), prefixlen=address.max_prefixlen)
    for address in wanted - present:
        flags = {"flags": _NO_DAD} if address.version == 6 else {}
        ipr.addr("replace", index=index, address=str(address), prefixlen=address.max_prefixlen, **flags)
    ipr.link("set", index=index, state="up")


def remove_device(ipr: IPRoute, device: VrrpDevice) -> None:
    """Delete a device; a missing device is no error."""
    found = _link(ipr, device.name)
    if found is not None:
        ipr.link("del", index=found["index"])


def _write_settings(device: VrrpDevice) -> None:
    """Write the device's kernel settings, which are deleted with the device.

    A packet to the VIP arrives on the device, and its reply leaves by another interface, so the reverse path
    filter must not be strict (ip-sysctl.rst, rp_filter).
    """
    sysctl = KernelSysctl()
    version = 4 if device.name.startswith("vrrp4") else 6
    sysctl.write(f"net/ipv4/conf/{device.name}/arp_ignore", "1")
    sysctl.write(f"net/ipv4/conf/{device.name}/rp_filter", "2")
    mode = f"net/ipv6/conf/{device.name}/addr_gen_mode"
    if sysctl.read([mode]):  # a kernel without IPv6 has none
        sysctl.write(mode, _ADDR_GEN_MODE[version])


def _device(ipr: IPRoute, index: int, name: str) -> VrrpDevice | None:
    message = _link(ipr, name)
    if message is None or not int(message["flags"]) & _IFF_UP:
        return None
    addresses = list(_addresses(ipr, index))
    parent = message.get_attr("IFLA_LINK")
    if len(addresses) > 1 or parent is None or _kind(message) != "macvlan":
        return None
    try:
        link = socket.if_indextoname(parent)
    except OSError:
        return None
    return VrrpDevice(name, link, message.get_attr("IFLA_ADDRESS"), addresses[0] if addresses else None)


def _addresses(ipr: IPRoute, index: int) -> Iterator[IPAddress]:
    for message in ipr.get_addr(index=index):
        address = ip_address(message.get_attr("IFA_ADDRESS"))
        if not address.is_link_local:
            yield address


def _same(ipr: IPRoute, message: ifinfmsg, device: VrrpDevice) -> bool:
    """Say whether a link is this macvlan device, regardless of its state and addresses."""
    return (
        _kind(message) == "macvlan"
        and message.get_attr("IFLA_ADDRESS") == device.mac
        and message.get_attr("IFLA_LINK") == _index(ipr, device.link)
    )


def _kind(message: ifinfmsg) -> str | None:
    info = message.get_attr("IFLA_LINKINFO")
    kind: str | None = info.get_attr("IFLA_INFO_KIND") if info is not None else None
    return kind


def _index(ipr: IPRoute, name: str) -> int:
    found = _link(ipr, name)
    if found is None:
        raise OSError(ENODEV, name)
    return int(found["index"])


def _link(ipr: IPRoute, name: str) -> ifinfmsg | None:
    try:
        return ipr.link("get", ifname=name)[0]
    except NetlinkError as error:
        if error.code == ENODEV:
            return None
        raise
