"""VIP traffic that needs no connection tracking kept out of it, so that it cannot fill the table."""

from __future__ import annotations

from clusterlb.core.rules.part import WORDS, Part, addresses, chain, families, uses
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Inventory


def untracked(inventory: Inventory) -> Part:
    """Return the part for the VIPs without full NAT, when the cluster asks for it (``notrack``)."""
    if not inventory.cluster.notrack:
        return Part()
    tracked = {vip.address for vip, _, _, method in uses(inventory) if method is Forwarding.FULLNAT}
    vips = [vip for vip in inventory.vips if vip not in tracked]
    sets = {}
    rules = []
    for family in families(vips):
        words = WORDS[family]
        sets[f"untracked{words.suffix}"] = addresses(words, vips, family)
        rules.append(f"{words.ip} daddr @untracked{words.suffix} notrack")
    return Part(chain("untracked", "prerouting priority raw", rules), sets)
