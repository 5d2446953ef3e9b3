"""Every forwarding method through the controller, on fakes that behave."""

from dataclasses import replace
from ipaddress import ip_address

import pytest
from fake_director import CHECK, FakeDirector, announced, eventually, idle, running, take_over
from forwarding_inventories import D1, DIRECT, FULLNAT, LIST, LISTED, NAT, SNAT, every_method, only

from clusterlb.controller.hairpin import EVERY, REMEMBERED, WATCH
from clusterlb.core.nft.guard import guarded
from clusterlb.core.nft.hairpin import hairpin
from clusterlb.drivers.interface import DriverError
from clusterlb.model.inventory import Vip
from clusterlb.model.ipvs import ForwardMethod, ProtocolTimeouts
from clusterlb.model.plan import AddService, LoadRules
from clusterlb.model.reason import Reason
from clusterlb.model.rules import NO_RULES

INSIDE = {"d1": (ip_address("10.2.0.1"),), "d2": (ip_address("10.2.0.2"),)}


def host_of(tmp_path, given):
    host = FakeDirector(tmp_path, given)
    for name in (
        "net/ipv4/ip_forward",
        "net/ipv4/conf/all/accept_redirects",
        "net/ipv4/vs/expire_nodest_conn",
        "net/ipv4/vs/conntrack",
        "net/netfilter/nf_conntrack_tcp_be_liberal",
        "net/netfilter/nf_conntrack_tcp_loose",
        "net/netfilter/nf_conntrack_max",
        "net/netfilter/nf_conntrack_buckets",
        *(f"net/ipv4/conf/{i}/{s}" for i in ("all", "e0") for s in ("rp_filter", "send_redirects")),
        "net/ipv6/conf/all/forwarding",
    ):
        (host.proc / name).parent.mkdir(parents=True, exist_ok=True)
        (host.proc / name).write_text("0\n")
    return host


async def test_services_rules_and_addresses_come_up_and_go_without_a_trace(tmp_path):
    host = host_of(tmp_path, every_method())
    before = host.snapshot()
    async with running(host) as controller:
        assert guarded(host.rules.read()) == set(every_method().vips)
        methods = {d.method for s in host.ipvs.read().values() for d in s.destinations}
        assert methods == {ForwardMethod.ROUTE, ForwardMethod.MASQ}
        assert announced(host) == {*every_method().vips, *D1.local_addresses}
        assert await controller.down(force=True) == []
    assert host.snapshot() == before
    assert host.rules.read() == NO_RULES


async def test_addresses_of_its_own_are_not_counted_among_the_vips(tmp_path):
    host = host_of(tmp_path, every_method())
    said = []
    async with running(host) as controller:
        controller.notify = lambda **words: said.append(words.get("status"))
        controller.store.mark_all()
        await eventually(lambda: said)
    assert said[0] == f"{len(every_method().vips)} VIPs announced"


async def test_rules_are_in_force_before_there_is_a_service(tmp_path):
    host = host_of(tmp_path, only(every_method(), NAT))
    controller = host.controller()
    await controller.adopt()
    kinds = [type(step) for step in controller.reconciler.plan()]
    assert kinds.index(LoadRules) < kinds.index(AddService)
    await controller.reconciler.kernel.close()


async def test_a_director_without_nftables_is_left_as_it_was(tmp_path, monkeypatch):
    host = host_of(tmp_path, only(every_method(), NAT))
    before = host.snapshot()

    def missing(_):
        raise DriverError("nft is missing: install the package nftables")

    monkeypatch.setattr(host.rules, "check", missing)
    controller = host.controller()
    with pytest.raises(DriverError, match="install the package nftables"):
        await controller.run(once=True)
    assert host.snapshot() == before


async def test_rules_that_somebody_removes_come_back(tmp_path):
    host = host_of(tmp_path, only(every_method(), FULLNAT))
    async with running(host) as controller:
        wanted = host.rules.read()
        host.rules.apply(LoadRules(NO_RULES))
        await eventually(lambda: host.rules.read() == wanted)
        assert controller.store.counts["drift"] >= 1


async def test_rules_that_somebody_removes_each_time_that_they_are_back_come_back(tmp_path):
    host = host_of(tmp_path, only(every_method(), FULLNAT))
    async with running(host) as controller:
        wanted = host.rules.read()
        for _ in range(3):
            host.rules.apply(LoadRules(NO_RULES))
            await controller.readings.rules()
            await eventually(lambda: host.rules.read() == wanted)


async def test_the_vips_of_a_group_are_announced_and_blocked_together(tmp_path):
    given = only(every_method(), LIST)
    group = (LIST, DIRECT)
    web = replace(given.pools["web"], checks=(CHECK,))
    vips = {vip: Vip(vip, (LISTED,), group=group) for vip in group}
    given = replace(given, pools={"web": web}, vips=vips)
    host = host_of(tmp_path, given)
    async with running(host) as controller:
        assert announced(host) == {*group, *D1.local_addresses}
        assert len(host.ipvs.read()) == 1
        store = controller.store
        assert store.vips_of(LISTED.key(LIST)) == set(group)
        host.engine.down |= {str(member.endpoint) for member in web.members}
        await eventually(lambda: announced(host) == set(D1.local_addresses))
        because = {store.decided[vip].because.reason for vip in group}
        assert because == {Reason.POOL_BELOW_QUORUM}
        host.engine.down.clear()
        await eventually(lambda: announced(host) == {*group, *D1.local_addresses})


async def test_full_nat_waits_for_a_local_address_that_is_somebody_elses_to_add(tmp_path):
    given = every_method()
    lacking = replace(D1, local_addresses=(ip_address("192.0.2.77"),))
    given = replace(only(given, DIRECT, FULLNAT), directors={"d1": lacking})
    host = host_of(tmp_path, given)
    async with running(host) as controller:
        assert announced(host) == {DIRECT}
        because = controller.store.decided[FULLNAT].because
        assert because.reason is Reason.NO_LOCAL_ADDRESS
        assert "192.0.2.77" in because.text


async def test_timeouts_are_set_and_put_back(tmp_path):
    given = only(every_method(timeouts=ProtocolTimeouts(tcp=90)), DIRECT)
    host = host_of(tmp_path, given)
    async with running(host) as controller:
        assert host.ipvs.timeouts() == ProtocolTimeouts(90, 120, 300)
        await idle(controller)
        assert await controller.down(force=True) == []
    assert host.ipvs.timeouts() == ProtocolTimeouts(900, 120, 300)


async def test_members_that_call_their_own_vip_are_told_of(tmp_path):
    host = host_of(tmp_path, only(every_method(), NAT))
    async with running(host) as controller:
        pair = ("10.2.0.101", str(NAT))
        watch, now = controller.hairpins, [controller.store.clock()]
        controller.store.clock = lambda: now[0]
        await watch.look()
        assert host.rules.watching == NO_RULES
        now[0] += EVERY + 1
        await watch.look()
        assert host.rules.watching == hairpin(controller.store.inventory)
        host.rules.heard["hairpin4"] = {pair}
        await watch.look()  # too soon to ask
        assert controller.store.hairpins == frozenset()
        now[0] += WATCH
        await watch.look()
        assert (controller.store.hairpins, host.rules.watching) == ({pair}, NO_RULES)
        for _ in range(2 * int(REMEMBERED / EVERY) + 2):
            now[0] += EVERY
            await watch.look()
        assert controller.store.hairpins == frozenset()


async def test_a_watch_of_a_controller_that_was_killed_is_ended(tmp_path):
    host = host_of(tmp_path, only(every_method(), FULLNAT))
    host.rules.watching = hairpin(every_method())
    async with running(host) as controller:
        controller.hairpins._next = 0.0
        await controller.hairpins.look()
        assert host.rules.watching == NO_RULES


@pytest.mark.parametrize("end", ["stop", "down"])
async def test_no_watch_stays_behind(tmp_path, end):
    host = host_of(tmp_path, only(every_method(), NAT))
    async with running(host) as controller:
        controller.hairpins._next = 0.0
        await controller.hairpins.look()
        assert host.rules.watching != NO_RULES
        if end == "down":
            assert await controller.down(force=True) == []
    assert host.rules.watching == NO_RULES


async def test_nft_that_fails_ends_no_survey(tmp_path):
    host = host_of(tmp_path, only(every_method(), NAT))
    async with running(host) as controller:
        controller.hairpins._next = 0.0
        host.rules.fail_next("nft is out of order")
        await controller.hairpins.look()
        assert host.rules.watching == NO_RULES
        controller.hairpins._next = 0.0
        await controller.hairpins.look()
        assert host.rules.watching != NO_RULES


@pytest.mark.parametrize("failing", ["read", "load"])
async def test_a_watch_that_nft_does_not_end_is_ended_later(tmp_path, monkeypatch, failing):
    host = host_of(tmp_path, only(every_method(), NAT))
    async with running(host) as controller:
        watch, now = controller.hairpins, [controller.store.clock()]
        controller.store.clock = lambda: now[0]
        watch._next = 0.0
        await watch.look()

        async def fail(*_):
            raise DriverError("nft is out of order")

        now[0] += WATCH
        with monkeypatch.context() as broken:
            broken.setattr(watch.kernel, {"read": "seen", "load": "watch"}[failing], fail)
            await watch.look()
        assert host.rules.watching != NO_RULES
        now[0] += EVERY
        await watch.look()
        assert host.rules.watching == NO_RULES


async def test_snat_rules_come_and_go_without_a_trace(tmp_path):
    given = only(every_method(), DIRECT)
    directors = {name: replace(one, inside=INSIDE[name]) for name, one in given.directors.items()}
    given = replace(given, directors=directors, snat_pools={"out": SNAT})
    host = host_of(tmp_path, given)
    before = host.snapshot()
    async with running(host) as controller:
        await eventually(lambda: "snat_steering" in controller.store.rules.chains)
        await eventually(lambda: host.rules.read() == controller.store.rules)
        assert await controller.down(force=True) == []
    assert host.snapshot() == before


async def test_settings_that_no_service_needs_any_more_are_put_back(tmp_path):
    host = host_of(tmp_path, only(every_method(), DIRECT, NAT))
    async with running(host) as controller:
        assert host.sysctl.read(["net/ipv4/ip_forward"]) == {"net/ipv4/ip_forward": "1"}
        take_over(controller.store, only(every_method(), DIRECT))
        await eventually(lambda: host.sysctl.read(["net/ipv4/ip_forward"]) == {"net/ipv4/ip_forward": "0"})
        await eventually(lambda: "net/ipv4/ip_forward" not in controller.reconciler.ledger.sysctls)
        assert host.settings()["net/ipv4/vs/sloppy_tcp"] == "1"
        (host.proc / "net/ipv4/ip_forward").write_text("1\n")
        await controller.readings.services()
        await idle(controller)
        assert host.sysctl.read(["net/ipv4/ip_forward"]) == {"net/ipv4/ip_forward": "1"}, "the operator's now"


async def test_a_vip_that_goes_keeps_its_marks_and_its_guard_while_packets_may_come(tmp_path, monkeypatch):
    given = every_method()
    host = host_of(tmp_path, given)
    async with running(host) as controller:
        bare = []
        apply = host.rules.apply

        def watched(step):
            apply(step)
            marked = any(key[0] == str(LIST) for key in host.rules.read().sets["marks_tcp4"].elements)
            if LIST in host.links.read().local_routes and not (marked and LIST in guarded(host.rules.read())):
                bare.append(step)

        monkeypatch.setattr(host.rules, "apply", watched)
        rest = replace(only(given, *(vip for vip in given.vips if vip != LIST)), digest="2")
        marked = replace(LISTED, mark=LISTED.mark + 1)
        rest = replace(rest, vips={**rest.vips, DIRECT: Vip(DIRECT, (marked,))})
        store = controller.store
        take_over(store, rest)
        await eventually(lambda: LIST not in announced(host))
        store.mark_pools(["web"])  # a cycle that does not look at the VIP
        await eventually(lambda: LIST not in guarded(host.rules.read()))
        assert LIST not in host.links.read().local_routes
        assert bare == []
