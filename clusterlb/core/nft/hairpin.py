"""Members that call a VIP of their own pool.

With full NAT that works. A member with dr or tun has the VIP on its own loopback and answers itself: that its
packets come here at all says that it is not set up. With nat the reply goes past the director, from member to
member, and is reset. The kernel collects the pairs, the controller explains them. The rules for this are a
table of their own, which is there for a few seconds at a time: every packet pays for them.
"""

from __future__ import annotations

from clusterlb.core.nft.part import WORDS, chain, families
from clusterlb.model.address import AddressFamily, family_of
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Inventory
from clusterlb.model.rules import Element, NamedSet, Rules

DYNAMIC = ("inside4", "inside6")
MOST_PAIRS = 4096


def inside(inventory: Inventory) -> Rules:
    """Return what notes each such member and its VIP in the sets ``inside4`` and ``inside6``.

    NO_RULES where no member could call a VIP of its own with harm.
    """
    pairs: dict[AddressFamily, dict[Element, str]] = {}
    for vip, _, member, method in inventory.uses():
        if method is not Forwarding.FULLNAT and member.address.version == vip.address.version:
            pairs.setdefault(family_of(vip.address), {})[str(member.address), str(vip.address)] = ""
    text = ""
    sets = {}
    rules = []
    for family in families(vip.address for vip in inventory.vips.values()):
        if family in pairs:
            words = WORDS[family]
            kind = f"{words.type} . {words.type}"
            pair = f"{words.ip} saddr . {words.ip} daddr"
            sets[f"insiders{words.suffix}"] = NamedSet(kind, elements=pairs[family])
            text += _filled(f"inside{words.suffix}", kind)
            rules.append(f"{pair} @insiders{words.suffix} update @inside{words.suffix} {{ {pair} }}")
    return Rules(text + chain("inside", "prerouting priority mangle", rules), sets)


def explain(inventory: Inventory, pair: Element) -> str:
    """Say in words what comes of a member's calling a VIP of its own pool, and what helps."""
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


def _filled(name: str, kind: str) -> str:
    """Write a set that the kernel fills."""
    return f"  set {name} {{\n    type {kind}\n    size {MOST_PAIRS}\n    flags dynamic\n  }}\n"
