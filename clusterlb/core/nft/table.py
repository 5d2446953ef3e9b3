"""The whole table of one director."""

from __future__ import annotations

from clusterlb.core.nft.classify import classify
from clusterlb.core.nft.fullnat import fullnat
from clusterlb.core.nft.guard import guard
from clusterlb.core.nft.part import Part, join, uses
from clusterlb.core.nft.reverse import reverse
from clusterlb.core.nft.untracked import untracked
from clusterlb.model.address import IPAddress
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Director, Inventory
from clusterlb.model.rules import Rules


def parts(inventory: Inventory, director: Director) -> tuple[Part, ...]:
    """Return the parts that follow from the inventory alone."""
    return (
        guard(inventory, translated(inventory, director)),
        untracked(inventory),
        classify(inventory),
        reverse(inventory),
        fullnat(inventory, director),
    )


def table(inventory: Inventory, director: Director) -> Rules:
    """Return what the table should hold, SNAT pools apart: their part follows from the other directors."""
    return join(parts(inventory, director))


def translated(inventory: Inventory, director: Director) -> tuple[IPAddress, ...]:
    """Return the addresses that this director gives to others' packets, or may have to: local and SNAT."""
    snat = (a for pool in inventory.snat_pools.values() for a in pool.kept_by(director.name))
    used = any(method is Forwarding.FULLNAT for _, _, _, method in uses(inventory))
    return (*(director.local_addresses if used else ()), *snat)
