"""What may be wrong with the OSPF process and the filter on its routes, each with what it costs.

Figures were measured with FRR as the switch (docs/switch.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network

from clusterlb.generate.audit.finding import Severity
from clusterlb.generate.audit.remark import Remark
from clusterlb.generate.audit.view import Section, Setting, View
from clusterlb.generate.facts import SwitchFacts

_LSA_DEFAULT_MS = 1000
_SPF_SLOW_MS = 100
_SPF_SLOWEST_MS = 1000
_STRANGERS = tuple(map(IPv4Network, ("0.0.0.0/0", "192.0.2.255/32", "10.255.255.255/32")))


def process(view: View, wanted: View, facts: SwitchFacts) -> Iterator[Remark]:
    """Say what the OSPF process lacks: width, and quick timers."""
    found, right = view.process, wanted.process

    def remark(rule: str, severity: Severity, text: str, *settings: Setting) -> Remark:
        return Remark(rule, severity, found.at(settings[0]), text, "", settings)

    width = found.text(Setting.MAX_PATHS)
    if width and int(width) < facts.max_paths:
        text = f"ECMP width {width} is below max_active {facts.max_paths}: directors beyond it get no traffic"
        yield remark("ecmp-width", Severity.ERROR, text, Setting.MAX_PATHS)
    arrival = int(found.text(Setting.LSA_ARRIVAL) or 0)
    if arrival >= _LSA_DEFAULT_MS or arrival > facts.pace_ms:
        text = (
            f"a second change of a director within {arrival} ms is dropped without a word: it takes effect "
            f"after 1.7 to 2 s with retransmit-interval 1, after 7 to 10 s with 5; tuned, after 15 ms"
        )
        yield remark("lsa-arrival", Severity.WARNING, text, Setting.LSA_ARRIVAL)
    delay, longest = (int(found.text(s) or 0) for s in (Setting.SPF_DELAY, Setting.SPF_MAX))
    if delay > _SPF_SLOW_MS or longest > _SPF_SLOWEST_MS:
        text = (
            f"SPF starts {delay} ms after a change, and up to {longest or delay} ms after many: every "
            "announcement and every withdrawal waits for it"
        )
        wrong = Setting.SPF_DELAY if delay > _SPF_SLOW_MS else Setting.SPF_MAX
        yield remark("spf-delay", Severity.WARNING, text, wrong, Setting.SPF_DELAY)
    if Setting.RESILIENT in right.values and Setting.RESILIENT not in found.values:
        text = (
            "no resilient hashing: when a director goes, flows of the others move too (19 to 41 % with "
            "hash-threshold, 86 % with modulo, none with resilient hashing)"
        )
        yield remark("resilient-hashing", Severity.INFO, text, Setting.RESILIENT)


def policy(view: View, facts: SwitchFacts, ports: Sequence[Section]) -> Iterator[Remark]:
    """Say whether directors can bring routes that are not theirs, and whether their own get in."""
    found = view.policy
    if found is None or not found.clauses:
        text = "no inbound filter: a director can bring any route, a default route too, into this switch"
        line = found.lines[-1] if found else view.process.line
        yield Remark("filter", Severity.WARNING, line, text, policy=True)
        return
    if not found.known:
        return
    own = [*facts.prefixes, *(IPv4Network((router_id, 32)) for router_id in facts.router_ids)]
    others = (*_STRANGERS, *(route for prefix in facts.prefixes for route in _beside(prefix)))
    for port in ports:
        for prefix in facts.prefixes:
            taken, line = found.takes(IPv4Network((prefix[-1], 32)), port.name)
            if not taken:
                text = f"filter {found.name} keeps {prefix} out from {port.name}: its VIPs are lost"
                yield Remark("filter", Severity.ERROR, line, text, policy=True)
                return
        for route in others:
            taken, line = found.takes(route, port.name)
            if taken and not any(route.subnet_of(prefix) for prefix in own):
                text = (
                    f"filter {found.name} lets {route} in from {port.name}: directors can bring more than "
                    "hosts of the VIP prefixes and their own router ids"
                )
                yield Remark("filter", Severity.WARNING, line, text, policy=True)
                return


def _beside(prefix: IPv4Network) -> tuple[IPv4Network, ...]:
    """Return what a slip in a prefix length would let in: the network around a prefix, and a host of it."""
    if not prefix.prefixlen:
        return ()
    around = prefix.supernet()
    host = around[0] if around[0] not in prefix else around[-1]
    return around, IPv4Network((host, 32))
