"""Rules about the OSPF process and the filter on its routes, each remark with the fault's cost.

The figures were measured with FRR as the switch (docs/switch.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, ip_network

from clusterlb.audit.finding import AuditSeverity, Remark, about_process
from clusterlb.audit.policy import within
from clusterlb.audit.view import Process, Section, Setting
from clusterlb.model.address import IPNetwork
from clusterlb.render.switch import SwitchFacts

_LSA_DEFAULT_MS = 1000
_SPF_SLOW_MS = 100
_SPF_SLOWEST_MS = 1000
_STRANGERS = {
    4: tuple(map(ip_network, ("0.0.0.0/0", "192.0.2.255/32", "10.255.255.255/32"))),
    6: tuple(map(ip_network, ("::/0", "2001:db8:ffff:ffff::ffff/128", "fd12:3456:789a::1/128"))),
}


def switched_off(process: Process, wanted: Process, facts: SwitchFacts) -> Iterator[Remark]:
    """Report a process, or a feature that the process needs, that is not in force."""
    found, right = process.section, wanted.section
    if found.text(Setting.OFF) == "yes":
        text = "OSPF is switched off here, or routing is: no director becomes a neighbour, or gets no traffic"
        for line in dict.fromkeys(found.values[Setting.OFF].lines):
            yield Remark("switched-off", AuditSeverity.ERROR, line, text, "", (Setting.OFF,))
    if not right.text(Setting.FEATURE):
        return
    if found.text(Setting.FEATURE) == "no":
        text = "`feature ospf` is not there: NX-OS speaks no OSPF"
        yield about_process(found, "switched-off", AuditSeverity.ERROR, text, Setting.FEATURE)
    elif not found.text(Setting.FEATURE):
        text = "no `feature` line is in the file: see on the switch that `feature ospf` is there"
        yield Remark("switched-off", AuditSeverity.NOT_SEEN, found.line, text)
    if facts.bfd and found.text(Setting.BFD_FEATURE) == "no":
        text = f"`feature bfd` is not there: a dead director gets traffic for up to {facts.dead} s"
        yield about_process(found, "bfd", AuditSeverity.WARNING, text, Setting.BFD_FEATURE)


def process(process: Process, wanted: Process, facts: SwitchFacts) -> Iterator[Remark]:
    """Compare the OSPF process: ECMP width, timers, help for a planned restart, resilient hashing."""
    found, right = process.section, wanted.section
    width = found.text(Setting.MAX_PATHS)
    if width == "?":
        text = (
            "the file does not show how many equal routes are used: see the forwarding table's export policy"
        )
        yield Remark("ecmp-width", AuditSeverity.NOT_SEEN, found.line, text)
    elif width and int(width) < facts.max_paths:
        text = f"ECMP width {width} is below max_active {facts.max_paths}: directors beyond it get no traffic"
        yield about_process(found, "ecmp-width", AuditSeverity.ERROR, text, Setting.MAX_PATHS)
    arrival = int(found.text(Setting.LSA_ARRIVAL) or 0)
    if arrival >= _LSA_DEFAULT_MS or arrival > max(facts.pace_ms, int(right.text(Setting.LSA_ARRIVAL) or 0)):
        text = (
            f"a second change of a director within {arrival} ms is dropped without a word: it takes effect "
            f"after 1.7 to 2 s with retransmit-interval 1, after 7 to 10 s with 5; tuned, after 15 ms"
        )
        yield about_process(found, "lsa-arrival", AuditSeverity.WARNING, text, Setting.LSA_ARRIVAL)
    delay, longest = (int(found.text(s) or 0) for s in (Setting.SPF_DELAY, Setting.SPF_MAX))
    if delay > _SPF_SLOW_MS or longest > _SPF_SLOWEST_MS:
        text = (
            f"SPF starts {delay} ms after a change, and up to {longest or delay} ms after many: every "
            "announcement and every withdrawal waits for it"
        )
        wrong = Setting.SPF_DELAY if delay > _SPF_SLOW_MS else Setting.SPF_MAX
        yield about_process(found, "spf-delay", AuditSeverity.WARNING, text, wrong, Setting.SPF_DELAY)
    if right.text(Setting.HELPER) == "yes" and facts.graceful_restart and found.text(Setting.HELPER) == "no":
        text = "a director that restarts OSPF as planned gets no help: its routes are withdrawn meanwhile"
        yield about_process(found, "graceful-restart", AuditSeverity.WARNING, text, Setting.HELPER)
    if Setting.RESILIENT in right.values and Setting.RESILIENT not in found.values:
        text = (
            "no resilient hashing: when a director goes, flows of the others move too (19 to 41 % with "
            "hash-threshold, 86 % with modulo, none with resilient hashing)"
        )
        yield about_process(found, "resilient-hashing", AuditSeverity.INFO, text, Setting.RESILIENT)


def policy(
    process: Process, facts: SwitchFacts, ports: Sequence[Section], version: int, partial: int
) -> Iterator[Remark]:
    """Report a filter that lets foreign routes in from directors, or keeps the directors' routes out.

    ``version``: 4 or 6, the routes' family. ``partial``: the line which shows that the file lacks filters, or
    0.
    """
    found = process.policy
    if found is None and partial:
        text = "the file is a part of the configuration, without the filter: see what directors can bring"
        yield Remark("filter", AuditSeverity.NOT_SEEN, partial, text)
        return
    if found is not None and not found.clauses:
        text = f"filter {found.name} is not in the file: see what it lets in from directors"
        yield Remark("filter", AuditSeverity.NOT_SEEN, found.lines[-1], text)
        return
    if found is None:
        text = "no inbound filter: a director can bring any route, a default route too, into this switch"
        yield Remark("filter", AuditSeverity.WARNING, process.section.line, text, policy=True)
        return
    if found.unknown:
        text = (
            f"filter {found.name} has a condition that is not understood: see what it lets in from directors"
        )
        yield Remark("filter", AuditSeverity.NOT_SEEN, found.unknown, text)
        return
    prefixes: list[IPNetwork] = [*facts.prefixes] if version == 4 else [*facts.prefixes6]
    own: list[IPNetwork] = [*prefixes, *(IPv4Network((router_id, 32)) for router_id in facts.router_ids)]
    default = [
        route for route in _STRANGERS[version] if not route.prefixlen and version in facts.default_routes
    ]
    strangers = [route for route in _STRANGERS[version] if route not in default]
    others = (*strangers, *(route for prefix in prefixes for route in _beside(prefix)))
    for port in ports:
        for prefix in (*prefixes, *default):
            route = prefix if prefix in default else _host(prefix)
            taken, line = found.takes(route, port.name)
            if not taken:
                lost = "the directors' default route is" if prefix in default else "its VIPs are"
                text = f"filter {found.name} keeps {prefix} out from {port.name}: {lost} lost"
                yield Remark("filter", AuditSeverity.ERROR, line, text, policy=True)
                return
        for route in others:
            taken, line = found.takes(route, port.name)
            if taken and route not in default and not any(within(route, prefix) for prefix in own):
                text = (
                    f"filter {found.name} lets {route} in from {port.name}: directors can bring more than "
                    "hosts of the VIP prefixes and their own router ids"
                )
                yield Remark("filter", AuditSeverity.WARNING, line, text, policy=True)
                return


def _host(prefix: IPNetwork) -> IPNetwork:
    """Return the last host of a prefix, as a route."""
    return ip_network((prefix[-1], prefix.max_prefixlen))


def _beside(prefix: IPNetwork) -> tuple[IPNetwork, ...]:
    """Return routes that a prefix length too short by one lets in: the network around, and a host of it."""
    if not prefix.prefixlen:
        return ()
    around = prefix.supernet()
    host = around[0] if around[0] not in prefix else around[-1]
    return around, ip_network((host, prefix.max_prefixlen))
