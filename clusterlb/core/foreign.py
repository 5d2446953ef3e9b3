"""What others have put into the kernel and nobody here understands: it is left alone, and named."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from clusterlb.model.ipvs import Destination, ServiceKey, ServiceState


def not_understood(services: Mapping[ServiceKey, ServiceState], ours: Collection[ServiceKey]) -> list[str]:
    """Return others' services that have a number without a meaning here: a protocol, a method, a tunnel."""
    return [_named(key, services[key]) for key in services.keys() - set(ours) if _strange(key, services[key])]


def _strange(key: ServiceKey, state: ServiceState) -> bool:
    return not (key.protocol.known and all(map(_known, state.destinations)))


def _known(destination: Destination) -> bool:
    return destination.method.known and destination.tunnel_type.known


def _named(key: ServiceKey, state: ServiceState) -> str:
    numbers = sorted(
        {
            number.name.lower().replace("_", " ")
            for one in state.destinations
            for number in (one.method, one.tunnel_type)
            if not number.known
        }
    )
    return f"{key} ({', '.join(numbers)})" if numbers else str(key)
