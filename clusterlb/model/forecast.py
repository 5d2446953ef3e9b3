"""What a plan does to the flows that live now."""

from __future__ import annotations

from dataclasses import dataclass

from clusterlb.model.plan import Plan


@dataclass(frozen=True, slots=True)
class ServiceForecast:
    """What becomes of the flows of one service whose table changes; ``service`` is its key's text.

    ``live`` of them live, ``strays`` of these are not on the member that the table picks now, and
    ``strays_then`` not on the one that it picks once the plan is carried out. ``ends``: the service goes, and
    its flows with it. ``unknown``: why the numbers, which are 0 then, cannot be said.
    """

    service: str
    live: int = 0
    strays: int = 0
    strays_then: int = 0
    ends: bool = False
    unknown: str = ""

    def __str__(self) -> str:
        if self.unknown:
            return f"{self.service}: cannot be said: {self.unknown}"
        if self.ends:
            return f"{self.service}: {self.live} live; all of them end with the service"
        return f"{self.service}: {self.live} live; strays: {self.strays} now, {self.strays_then} then"


@dataclass(frozen=True, slots=True)
class Forecast:
    """A plan, and a forecast for each service whose table it changes."""

    plan: Plan
    services: tuple[ServiceForecast, ...] = ()
