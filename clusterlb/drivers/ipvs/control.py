"""What concerns IPVS as a whole: flush, zero, timeouts, sync daemons, information."""

from __future__ import annotations

from errno import EAFNOSUPPORT, EEXIST, EINVAL, ENODEV, EPERM, ESRCH

from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.ipvs import decode, encode
from clusterlb.drivers.ipvs.decode import IpvsInfo
from clusterlb.drivers.ipvs.netlink import NetlinkError, NetlinkSocket
from clusterlb.drivers.ipvs.protocol import Command
from clusterlb.model.ipvs import ProtocolTimeouts, ServiceKey, SyncDaemon, SyncRole

_NEEDS_ADMIN = "the controller needs CAP_NET_ADMIN in this network namespace"


class IpvsControl:
    """Commands beside services and destinations; each raises DriverError when the kernel refuses."""

    def __init__(self, netlink: NetlinkSocket) -> None:
        self._netlink = netlink

    def flush(self) -> None:
        """Remove every service and destination of this network namespace, foreign ones too."""
        self._do("flush IPVS", Command.FLUSH)

    def zero(self, key: ServiceKey | None = None) -> None:
        """Zero the counters of one service and its destinations, or of all."""
        body = b"" if key is None else encode.service_key(key)
        what = "all counters" if key is None else f"the counters of service {key}"
        self._do(f"zero {what}", Command.ZERO, body, {ESRCH: "there is no such service"})

    def timeouts(self) -> ProtocolTimeouts:
        """Return the connection timeouts in seconds."""
        return decode.timeouts(*self._ask("read the connection timeouts", Command.GET_CONFIG))

    def set_timeouts(self, wanted: ProtocolTimeouts) -> None:
        """Set connection timeouts in seconds; 0 leaves one as it is."""
        hints = {
            EINVAL: "a timeout is 0 to 2^31/HZ seconds (2147483 where the kernel ticks 1000 times a second)"
        }
        self._do("set the connection timeouts", Command.SET_CONFIG, encode.timeouts(wanted), hints)

    def info(self) -> IpvsInfo:
        """Return the kernel's IPVS version and the size of its connection table."""
        return decode.info(*self._ask("read the IPVS version", Command.GET_INFO))

    def sync_daemons(self) -> tuple[SyncDaemon, ...]:
        """Return the sync daemons that run in this network namespace, master first."""
        try:
            return tuple(decode.sync_daemon(*answer) for answer in self._netlink.dump(Command.GET_DAEMON))
        except NetlinkError as error:
            raise _refused("list the sync daemons", error) from error

    def start_sync_daemon(self, daemon: SyncDaemon) -> None:
        """Start a sync daemon; one of each role can run."""
        hints = {
            EEXIST: "one runs already; stop it first",
            ENODEV: f"there is no interface {daemon.interface!r}",
            EINVAL: "its group must be multicast, and every destination of its service's own family",
            EAFNOSUPPORT: "the kernel's IPVS has no IPv6 (CONFIG_IP_VS_IPV6)",
        }
        what = f"start the {daemon.role.name.lower()} sync daemon on {daemon.interface}"
        self._do(what, Command.NEW_DAEMON, encode.sync_daemon(daemon), hints)

    def stop_sync_daemon(self, role: SyncRole) -> None:
        """Stop a sync daemon."""
        hints = {ESRCH: "none runs"}
        self._do(
            f"stop the {role.name.lower()} sync daemon", Command.DEL_DAEMON, encode.sync_role(role), hints
        )

    def _do(
        self, what: str, command: Command, body: bytes = b"", hints: dict[int, str] | None = None
    ) -> None:
        try:
            self._netlink.do(command, body)
        except NetlinkError as error:
            raise _refused(what, error, hints) from error

    def _ask(self, what: str, command: Command) -> tuple[bytes, int, int]:
        try:
            return self._netlink.ask(command)
        except NetlinkError as error:
            raise _refused(what, error) from error


def _refused(what: str, error: NetlinkError, hints: dict[int, str] | None = None) -> DriverError:
    known = {EPERM: _NEEDS_ADMIN} | (hints or {})
    return DriverError(f"cannot {what}: {known.get(error.errno, str(error))}")
