"""The whole table of one director."""

from __future__ import annotations

from clusterlb.core.nft.classify import classify
from clusterlb.core.nft.fullnat import fullnat
from clusterlb.core.nft.guard import guard
from clusterlb.core.nft.part import Part, join
from clusterlb.core.nft.reverse import reverse
from clusterlb.core.nft.untracked import untracked
from clusterlb.model.inventory import Director, Inventory
from clusterlb.model.rules import Rules


def parts(inventory: Inventory, director: Director) -> tuple[Part, ...]:
    """Return the parts that follow from the inventory alone."""
    return (
        guard(inventory, director),
        untracked(inventory),
        classify(inventory),
        reverse(inventory),
        fullnat(inventory, director),
    )


def table(inventory: Inventory, director: Director) -> Rules:
    """Return what the table should hold, SNAT pools apart: their part follows from the other directors."""
    return join(parts(inventory, director))
