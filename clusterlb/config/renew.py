"""Memory: an inventory outlives its files for months.

The objects of a fresh inventory lie between the nodes from which they were made, and each keeps a whole
arena of the allocator alive. Packed, and unpacked when nodes and objects are gone, an inventory of 10,000
members costs 10 MB of resident memory instead of 19, for 70 ms.
"""

from __future__ import annotations

import pickle

from clusterlb.model.inventory import Inventory


def pack(inventory: Inventory) -> bytes:
    """Return an inventory as bytes, for ``unpack`` in this very process."""
    return pickle.dumps(inventory, pickle.HIGHEST_PROTOCOL)


def unpack(packed: bytes) -> Inventory:
    """Return an inventory equal to the one that was packed, in fresh memory."""
    inventory: Inventory = pickle.loads(packed)  # noqa: S301 - written by pack() a moment ago
    return inventory
