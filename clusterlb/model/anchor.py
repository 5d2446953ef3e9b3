"""Anchors: flows that are kept on their member, whatever the table picks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from clusterlb.model.flow import Flow
from clusterlb.model.ipvs import DestinationKey, ServiceKey


class Binding(NamedTuple):
    """What an anchor leads to: a destination of a service."""

    service: ServiceKey
    destination: DestinationKey


class Anchor(NamedTuple):
    """One flow's anchor. ``heard``: when the flow spoke last, in seconds of the observations' clock."""

    binding: Binding
    heard: float


class Sighting(NamedTuple):
    """What a director has seen last of an anchored flow, and when, in seconds of the observations' clock.

    ``destination``: the member that the flow is on; None: the flow is over.
    """

    flow: Flow
    destination: DestinationKey | None
    at: float


Anchors = Mapping[Flow, Anchor]
Bindings = Mapping[ServiceKey, Binding]
"""The private services of anchors, by their key: a firewall mark of ours."""
