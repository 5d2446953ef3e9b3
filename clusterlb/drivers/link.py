"""The driver of lanes, the VIPs on lanes, local routes and the routes to peers, by rtnetlink.

A VIP is on a lane as an address, or as a host route over the lane. The inventory says for each address family
which of the two forms FRR carries into OSPF (``Ospf.announce``).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping, Sequence, Set
from errno import EADDRINUSE, EEXIST, EINVAL, ENETUNREACH, ENODEV, EOPNOTSUPP, EPERM, ESRCH, ETIMEDOUT
from itertools import groupby

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from clusterlb.drivers.interface import DriverError, LinkState
from clusterlb.drivers.lanes import Move, carry_out, is_in_force, lane_peer, on_lane
from clusterlb.drivers.peers import add_peer, read_peers, remove_peer
from clusterlb.drivers.rtnetlink import RT_TABLE_LOCAL, RouteSocket
from clusterlb.drivers.vrrp_devices import add_device, read_devices, remove_device
from clusterlb.model.address import AddressFamily, IPAddress, family_of
from clusterlb.model.marks import CLUSTERLB_PROTO
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import (
    AddDevice,
    AddLocalRoute,
    AddPeer,
    Announce,
    CreateLane,
    LinkStep,
    RemoveDevice,
    RemoveLane,
    RemoveLocalRoute,
    RemovePeer,
    StepError,
    Withdraw,
)

_RTN_LOCAL = 2
_RT_SCOPE_HOST = 254
_IFF_UP = 0x1
_IFF_RUNNING = 0x40
_IFF_LOWER_UP = 0x10000

_WORDS = {
    EPERM: "not permitted: clusterlb needs CAP_NET_ADMIN in this network namespace",
    ENODEV: "the interface is missing: another program removed it; the next reconciliation creates it again",
    ENETUNREACH: "no interface of this director is in that address's network: see the director's `inside`",
    EINVAL: "the kernel refuses it; for an IPv6 address see `sysctl net.ipv6.conf.all.disable_ipv6`",
    EOPNOTSUPP: "this kernel lacks that kind of interface: modprobe dummy, with VRRP macvlan, or install the "
    "kernel's extra modules",
    EADDRINUSE: "another device of that link has the virtual router's MAC address: remove it (`ip -d link`)",
}


class KernelLinks:
    """Links, addresses and routes of this network namespace. Implements ``LinkDriver``.

    ``uplinks``: the interfaces whose carrier is reported. ``external``: the families whose VIPs are routes
    over the lanes; VIPs of the other families are addresses. The value may change with the inventory: a lane
    with VIPs in the wrong form then counts as missing, and CreateLane removes these VIPs. None is for callers
    without an inventory: both forms count, and Announce makes addresses.

    The first call opens the sockets, which belong to the network namespace of its thread.
    """

    def __init__(self, uplinks: Sequence[str], external: Set[AddressFamily] | None = None) -> None:
        self._uplinks = tuple(uplinks)
        self.external = external
        self._opened: tuple[IPRoute, RouteSocket] | None = None

    def read(self) -> LinkState:
        """Return the lanes that are ready, the VIPs on lanes, our local routes, and the carriers.

        A lane is ready when it is up and has no VIP in the wrong form. OSPF announces any address on a lane,
        and may announce any host route over a lane, so foreign ones are returned too; link-local ones are
        not.
        """
        try:
            return self._read()
        except (NetlinkError, OSError) as error:
            raise DriverError(f"cannot read links, addresses and routes: {_words(_errno(error))}") from error

    def _read(self) -> LinkState:
        lanes: set[Lane] = set()
        announced: dict[IPAddress, frozenset[Lane]] = {}
        for lane in Lane:
            found = self._link(lane.interface)
            if found is None:
                continue
            index, flags = found
            present = list(on_lane(self._dumps, index))
            if (
                flags & _IFF_UP
                and flags & _IFF_RUNNING
                and all(is_in_force(*each, self.external) for each in present)
            ):
                lanes.add(lane)
            for vip in (vip for vip, route in present if is_in_force(vip, route, self.external)):
                announced[vip] = announced.get(vip, frozenset()) | {lane}
        return LinkState(
            lanes=frozenset(lanes),
            announced=announced,
            local_routes=frozenset(
                vip for family in AddressFamily for vip in self._dumps.local_routes(family, CLUSTERLB_PROTO)
            ),
            carrier={name: self._has_carrier(name) for name in self._uplinks},
            peers=frozenset(read_peers(self._dumps)),
            devices=frozenset(read_devices(self._ipr)),
        )

    def apply(self, steps: Sequence[LinkStep]) -> list[StepError]:
        """Carry out all steps in order; return the failed ones.

        A step whose result is there already, such as an address on the lane, does not fail.
        """
        failed: list[StepError] = []
        for moving, run in groupby(steps, lambda step: isinstance(step, Announce | Withdraw)):
            for batch in [list(run)] if moving else [[step] for step in run]:
                try:
                    failed += list(self._apply(batch))
                except DriverError as error:
                    failed += (StepError(step, 0, str(error)) for step in batch)
                except (NetlinkError, OSError) as error:
                    failed += (StepError(step, _errno(error), _words(_errno(error))) for step in batch)
        return failed

    def close(self) -> None:
        """Close the sockets; nothing changes in the kernel."""
        if self._opened:
            for opened in self._opened:
                opened.close()
        self._opened = None

    @property
    def _ipr(self) -> IPRoute:
        return self._sockets()[0]

    @property
    def _dumps(self) -> RouteSocket:
        return self._sockets()[1]

    def _sockets(self) -> tuple[IPRoute, RouteSocket]:
        if self._opened is None:
            self._opened = (IPRoute(), RouteSocket())
        return self._opened

    def _apply(self, batch: Sequence[LinkStep]) -> Iterable[StepError]:
        match batch[0]:
            case CreateLane(lane):
                self._create(lane)
            case RemoveLane(lane):
                self._remove(lane)
            case AddDevice(device):
                add_device(self._ipr, device)
            case RemoveDevice(device):
                remove_device(self._ipr, device)
            case AddLocalRoute(vip):
                self._add_route(vip)
            case RemoveLocalRoute(vip):
                self._remove_route(vip)
            case AddPeer(peer) as step:
                return self._outcome(step, add_peer(self._dumps, peer))
            case RemovePeer(peer) as step:
                return self._outcome(step, remove_peer(self._dumps, peer))
            case _:
                return self._move(batch)
        return ()

    def _outcome(self, step: LinkStep, errno: int) -> Iterable[StepError]:
        return (StepError(step, errno, _words(errno)),) if errno else ()

    def _move(self, batch: Sequence[LinkStep]) -> Iterable[StepError]:
        """Carry out announcements and withdrawals in one message to the kernel."""
        links: dict[Lane, tuple[int, int] | None] = {}
        steps: list[LinkStep] = []
        moves = []
        for step in batch:
            if not isinstance(step, Announce | Withdraw):
                continue
            vip, lane, on = step.vip, step.lane, isinstance(step, Announce)
            if lane not in links:
                links[lane] = self._link(lane.interface)
            if link := links[lane]:
                forms = [route for route in (False, True) if is_in_force(vip, route, self.external)]
                forms = forms[:1] if on else forms
                steps += [step] * len(forms)
                moves += [Move(vip, lane, link[0], route, on) for route in forms]
            elif on:
                yield StepError(step, ENODEV, _words(ENODEV))
        for step, errno in zip(steps, carry_out(self._dumps, moves), strict=True):
            if errno:
                yield StepError(step, errno, _words(errno))

    def _create(self, lane: Lane) -> None:
        name, peer = lane.interface, lane_peer(lane)
        if self._link(name) is None:
            try:
                self._ipr.link("add", ifname=name, kind="dummy")
            except NetlinkError as error:
                if error.code != EOPNOTSUPP:
                    raise
                self._ipr.link("add", ifname=name, kind="veth", peer={"ifname": peer})
        for each in (peer, name):
            found = self._link(each)
            if found:
                self._ipr.link("set", index=found[0], state="up")
        index = self._index(lane)
        wrong = [each for each in on_lane(self._dumps, index) if not is_in_force(*each, self.external)]
        errnos = carry_out(self._dumps, [Move(vip, lane, index, route, False) for vip, route in wrong])
        for errno in filter(None, errnos):
            raise OSError(errno, name)

    def _remove(self, lane: Lane) -> None:
        found = self._link(lane.interface)
        if found:
            self._ipr.link("del", index=found[0])

    def _add_route(self, vip: IPAddress) -> None:
        try:
            # append: the kernel has its own local route for an address on a lane; ours is added to it
            self._ipr.route("append", **self._route(vip))
        except NetlinkError as error:
            if error.code != EEXIST or vip not in self._dumps.local_routes(family_of(vip), CLUSTERLB_PROTO):
                raise

    def _remove_route(self, vip: IPAddress) -> None:
        try:
            self._ipr.route("del", **self._route(vip))
        except NetlinkError as error:
            if error.code != ESRCH:
                raise

    def _route(self, vip: IPAddress) -> Mapping[str, object]:
        loopback = self._link("lo")
        if loopback is None:
            raise OSError(ENODEV, "lo")
        return {
            "family": int(family_of(vip)),
            "dst": f"{vip}/{vip.max_prefixlen}",
            "oif": loopback[0],
            "table": RT_TABLE_LOCAL,
            "type": _RTN_LOCAL,
            "scope": _RT_SCOPE_HOST if vip.version == 4 else 0,
            "proto": CLUSTERLB_PROTO,
        }

    def _index(self, lane: Lane) -> int:
        found = self._link(lane.interface)
        if found is None:
            raise OSError(ENODEV, lane.interface)
        return found[0]

    def _link(self, name: str) -> tuple[int, int] | None:
        """Return an interface's index and flags; None when there is no such interface."""
        try:
            message = self._ipr.link("get", ifname=name)[0]
        except NetlinkError as error:
            if error.code == ENODEV:
                return None
            raise
        return int(message["index"]), int(message["flags"])

    def _has_carrier(self, name: str) -> bool:
        found = self._link(name)
        return found is not None and bool(found[1] & _IFF_UP) and bool(found[1] & _IFF_LOWER_UP)


def not_local(addresses: Iterable[IPAddress]) -> frozenset[IPAddress]:
    """Return the addresses that no interface of this network namespace has (bind(2), EADDRNOTAVAIL)."""
    return frozenset(address for address in addresses if not _is_local(address))


def _is_local(address: IPAddress) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def _errno(error: NetlinkError | OSError) -> int:
    return int(error.code) if isinstance(error, NetlinkError) else error.errno or ETIMEDOUT


def _words(code: int) -> str:
    if code == EEXIST:
        return "not ours: a foreign address or route differs only in its attributes; remove it by hand"
    return _WORDS.get(code, os.strerror(code))
