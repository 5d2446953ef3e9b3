"""The kernel's errors as messages with advice.

From ``ip_vs_genl_set_cmd`` and what it calls in net/netfilter/ipvs/ip_vs_ctl.c, Linux 6.1.
"""

from __future__ import annotations

from errno import (
    EAFNOSUPPORT,
    EEXIST,
    EINVAL,
    ENOENT,
    ENOMEM,
    EPERM,
    ERANGE,
    ESRCH,
    errorcode,
)
from os import strerror

from clusterlb.model.ipvs import Destination
from clusterlb.model.plan import (
    AddDestination,
    AddService,
    EditDestination,
    EditService,
    IpvsStep,
    RemoveDestination,
    RemoveService,
)

_ANYWHERE = {
    EPERM: "the kernel refuses; the controller needs CAP_NET_ADMIN in this network namespace",
    ENOMEM: "the kernel has no memory left for it",
    EAFNOSUPPORT: "the kernel cannot balance this address family; IPv6 needs CONFIG_IP_VS_IPV6",
}


def subject(step: IpvsStep) -> str:
    """Return a step as a verb and its object."""
    match step:
        case AddService(virtual):
            return f"add service {virtual.key}"
        case EditService(virtual):
            return f"edit service {virtual.key}"
        case RemoveService(key):
            return f"remove service {key}"
        case AddDestination(service, destination):
            return f"add destination {destination.key} of service {service}"
        case EditDestination(service, destination):
            return f"edit destination {destination.key} of service {service}"
        case RemoveDestination(service, name):
            return f"remove destination {name} of service {service}"


def _service_problem(step: AddService | EditService, errno: int) -> str | None:
    if errno == ENOENT:
        name = step.service.scheduler
        return (
            f"the kernel has no scheduler {name!r} (module ip_vs_{name}); "
            "Debian has them in the package linux-image-amd64; in a container the host must load them"
        )
    if errno == EINVAL:
        return (
            "the kernel does not accept these settings; names have at most 15 characters, an IPv6 "
            "persistence prefix is 1 to 128, and mh holds no more destinations than its table has slots"
        )
    return None


def _destination_problem(destination: Destination, errno: int) -> str | None:
    if errno == ERANGE:
        if destination.weight < 0 or destination.nominal < 0:
            return "its weight is negative"
        return f"its lower threshold {destination.lower} is above its upper threshold {destination.upper}"
    if errno == EINVAL:
        return (
            "the kernel does not accept it; the address must be unicast (IPv6: not link-local), a GUE tunnel "
            "needs a port, a threshold is below 2^31, and a destination of the other address family must be "
            "tunnelled with no sync daemon running"
        )
    return None


def meaning(step: IpvsStep, errno: int, text: str = "") -> str:
    """Return the message for a failed step, with reason and advice; ``text``: the kernel's explanation."""
    reason: str | None = None
    if isinstance(step, AddService | EditService):
        reason = _service_problem(step, errno)
    elif isinstance(step, AddDestination | EditDestination):
        reason = _destination_problem(step.destination, errno)
    if reason is None and errno == ESRCH:
        reason = "there is no such service"
    if reason is None and errno == EEXIST:
        reason = "it exists already"
    if reason is None and errno == ENOENT:
        reason = "there is no such destination in it"
    reason = reason or _ANYWHERE.get(errno) or text or strerror(errno)
    return f"cannot {subject(step)}: {reason} ({errorcode.get(errno, errno)})"


def outcome_unknown(step: IpvsStep, errno: int) -> str:
    """Return the message for a step to which the kernel's answer was lost."""
    return (
        f"whether the kernel carried out '{subject(step)}' is unknown, its answer was lost: "
        f"{strerror(errno)} ({errorcode.get(errno, errno)}); reading the table back will tell"
    )


def unfit(step: IpvsStep, error: Exception) -> str:
    """Return the message for a step with a value that does not fit its field in the message to the kernel."""
    return f"cannot {subject(step)}: a value does not fit the kernel's field: {error}"
