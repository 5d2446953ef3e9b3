"""Tell systemd how we are (sd_notify(3)): one datagram, no library."""

from __future__ import annotations

import os
import socket


class Notifier:
    """Sends to NOTIFY_SOCKET; silent where there is none."""

    def __init__(self, address: str | None = None) -> None:
        path = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        self._address = "\0" + path[1:] if path.startswith("@") else path

    def __call__(self, **fields: object) -> None:
        """Send ``NAME=value`` lines, such as ``ready=1`` or ``status="8 VIPs"``."""
        if not self._address:
            return
        text = "\n".join(f"{name.upper()}={value}" for name, value in fields.items())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            try:
                sock.sendto(text.encode(), self._address)
            except OSError:
                return  # systemd is not listening now; the watchdog decides what that means


def watchdog_interval() -> float | None:
    """Return half of the unit's WatchdogSec in seconds, or None when no watchdog watches this process."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2e6 if microseconds.isdigit() and int(microseconds) else None
