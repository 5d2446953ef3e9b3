"""Hairpins: members that call a VIP of their own pool.

With full NAT that works. With nat the reply goes from member to member past the director, and the caller
resets it. A member with dr or tun has the VIP on its own loopback and answers itself, so a packet of such a
member that arrives here shows that the member is not set up. The kernel collects the pairs, the controller
explains them. The rules cost every packet time, so they are a table of their own that is loaded for a few
seconds now and then.
"""

from __future__ import annotations

from clusterlb.core.nft.part import WORDS, chain
from clusterlb.model.address import AddressFamily, family_of
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Inventory
from clusterlb.model.rules import Element, NamedSet, Rules

_SEEN = "  set {name} {{\n    type {kind}\n    size 4096\n    flags dynamic\n  }}\n"
SEEN = tuple(f"hairpin{words.suffix}" for words in WORDS.values())
"""The sets that the kernel fills with pairs of a member and the VIP that it called."""


def hairpin(inventory: Inventory) -> Rules:
    """Return the table that collects hairpins in the sets SEEN; NO_RULES where none could do harm."""
    pairs: dict[AddressFamily, dict[Element, str]] = {}
    for vip, _, member, method in inventory.uses():
        if method is not Forwarding.FULLNAT and member.address.version == vip.address.version:
            pairs.setdefault(family_of(vip.address), {})[str(member.address), str(vip.address)] = ""
    text = ""
    sets = {}
    rules = []
    for family, harmful in sorted(pairs.items()):
        words = WORDS[family]
        kind = f"{words.type} . {words.type}"
        pair = f"{words.ip} saddr . {words.ip} daddr"
        sets[f"harmful{words.suffix}"] = NamedSet(kind, elements=harmful)
        text += _SEEN.format(name=f"hairpin{words.suffix}", kind=kind)
        rules.append(f"{pair} @harmful{words.suffix} update @hairpin{words.suffix} {{ {pair} }}")
    return Rules(text + chain("hairpin", "prerouting priority mangle", rules), sets)


def explain(inventory: Inventory, pair: Element) -> str:
    """Return what happens to a member that calls a VIP of its own pool, and what the operator can do."""
    caller, vip = pair
    methods = {
        method for v, _, m, method in inventory.uses() if (str(m.address), str(v.address)) == (caller, vip)
    }
    if Forwarding.NAT in methods:
        why = "the reply goes from member to member past the director and is reset"
        helps = "use `forwarding: fullnat`, or have it call a VIP of another pool"
    else:
        why = "a member has the VIP on its own loopback and should answer itself: it is not set up"
        helps = f"run on it what `clusterlb generate realserver {caller}` prints"
    return f"member {caller} calls {vip}, a VIP of its own pool: {why}; {helps}"
