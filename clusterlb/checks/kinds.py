"""The registry: which class probes which type of check. A new kind is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable

from clusterlb.checks.probe import Probe
from clusterlb.checks.tcp import TcpProbe
from clusterlb.model.health import ProbeKey
from clusterlb.model.inventory import CheckSpec, CheckType, Endpoint

KINDS: dict[CheckType, Callable[[Endpoint, CheckSpec], Probe]] = {
    CheckType.TCP: TcpProbe,
}


def make_probe(key: ProbeKey) -> Probe:
    """Return the probe for a key."""
    return KINDS[key.spec.type](key.endpoint, key.spec)
