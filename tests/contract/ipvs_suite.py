"""What every IpvsDriver does, whether a kernel is behind it or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from errno import EEXIST, EINVAL, ENOENT, ERANGE, ESRCH
from ipaddress import ip_address
from typing import Any

import pytest

from clusterlb.core.census import Census, Survey
from clusterlb.core.finder import ServiceFinder
from clusterlb.core.maglev import maglev_table
from clusterlb.drivers.interface import IpvsDriver
from clusterlb.model.address import AddressFamily
from clusterlb.model.flow import Flow, FlowCount
from clusterlb.model.inventory import Service, Vip
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    DestinationStatistics,
    ForwardMethod,
    Protocol,
    ServiceFlag,
    ServiceKey,
    ServiceState,
    TunnelFlag,
    TunnelType,
    VirtualService,
)
from clusterlb.model.plan import (
    AddDestination,
    AddService,
    EditDestination,
    EditService,
    IpvsStep,
    RemoveDestination,
    RemoveService,
)

WEB = ServiceKey(AddressFamily.IPV4, Protocol.TCP, ip_address("10.100.0.1"), 80)
DNS = ServiceKey(AddressFamily.IPV4, Protocol.UDP, ip_address("10.100.0.1"), 53)
WEB6 = ServiceKey(AddressFamily.IPV6, Protocol.TCP, ip_address("2001:db8:100::1"), 80)
MARK = ServiceKey(AddressFamily.IPV4, Protocol.NONE, None, 0, 7)
MARK6 = ServiceKey(AddressFamily.IPV6, Protocol.NONE, None, 0, 7)


def member(address: str, port: int = 80, weight: int = 1, **more: Any) -> Destination:
    settings: dict[str, Any] = {"method": ForwardMethod.ROUTE, "nominal": weight or 1} | more
    return Destination(DestinationKey(ip_address(address), port), weight=weight, **settings)


def added(state: ServiceState) -> list[IpvsStep]:
    """The steps that build a service."""
    key = state.service.key
    return [AddService(state.service), *(AddDestination(key, one) for one in state.destinations)]


MH_FLAGS = ServiceFlag.SCHED1 | ServiceFlag.SCHED2
STATES = [
    ServiceState(
        VirtualService(WEB, "mh", MH_FLAGS),
        (member("10.2.0.3"), member("10.2.0.1", weight=4), member("10.2.0.2", weight=0, nominal=2)),
    ),
    ServiceState(
        VirtualService(DNS, "rr", ServiceFlag.ONE_PACKET),
        (
            member("10.2.0.1", 53, method=ForwardMethod.MASQ, upper=100, lower=50),
            member("10.2.0.2", 5353, method=ForwardMethod.MASQ, upper=100),
        ),
    ),
    ServiceState(
        VirtualService(WEB6, "wlc", ServiceFlag.PERSISTENT, 300, 64),
        (member("2001:db8:2::1"), member("2001:db8:2::2", weight=65535)),
    ),
    ServiceState(
        VirtualService(MARK, "sh", MH_FLAGS | ServiceFlag.SCHED3 | ServiceFlag.PERSISTENT, 60, 24),
        (
            member(
                "10.2.0.1",
                0,
                method=ForwardMethod.TUNNEL,
                tunnel_type=TunnelType.GUE,
                tunnel_port=6080,
                tunnel_flags=TunnelFlag.REMCSUM,
            ),
            member(
                "10.2.0.2",
                0,
                method=ForwardMethod.TUNNEL,
                tunnel_type=TunnelType.GRE,
                tunnel_flags=TunnelFlag.CSUM,
            ),
            member("2001:db8:2::1", 0, method=ForwardMethod.TUNNEL),
        ),
    ),
    ServiceState(VirtualService(MARK6, "rr", prefix=128), (member("2001:db8:2::9", 0),)),
    ServiceState(
        VirtualService(
            ServiceKey(AddressFamily.IPV4, Protocol.SCTP, ip_address("10.100.0.2"), 5060),
            "rr",
            ServiceFlag.PERSISTENT,
            60,
            32,
        )
    ),
    ServiceState(
        VirtualService(
            ServiceKey(AddressFamily.IPV4, Protocol.UDP, ip_address("10.100.0.2"), 5060),
            "rr",
            ServiceFlag.PERSISTENT,
            60,
            32,
        )
    ),
]


HASHED = [f"10.2.0.{last}" for last in (5, 1, 9, 3, 7, 2, 8)]
"""Members of a service with mh, each of weight 4; the histories below end with the third at weight 0."""


def hashed(weight: int, name: str = HASHED[2], **more: Any) -> Destination:
    return member(name, 53, weight, **{"nominal": 4, "method": ForwardMethod.MASQ, **more})


def down(**more: Any) -> Destination:
    return hashed(0, **more)


def full(scheduler: str) -> list[IpvsStep]:
    """The steps that build the service with all members at their full weight."""
    members = tuple(hashed(4, name) for name in HASHED)
    return added(ServiceState(VirtualService(DNS, scheduler, MH_FLAGS), members))


DOWN_STEP = EditDestination(DNS, down())
_BEHIND = [hashed(4, name) for name in HASHED[3:]]
_HISTORIES: dict[str, list[IpvsStep]] = {
    "down at full weight": [*full("mh"), DOWN_STEP],
    "down at a share": [*full("mh"), EditDestination(DNS, hashed(1)), DOWN_STEP],
    "down again at a share": [*full("mh"), DOWN_STEP, EditDestination(DNS, hashed(2)), DOWN_STEP],
    "found down": [*full("mh")[:3], AddDestination(DNS, down()), *full("mh")[4:]],
    "heavier while down": [*full("mh"), EditDestination(DNS, down(nominal=1)), DOWN_STEP],
    "set to 0 by others at a share": [
        *full("mh"),
        EditDestination(DNS, hashed(1)),
        EditDestination(DNS, down(nominal=0)),
        DOWN_STEP,
    ],
    "added at 0 by others": [
        *full("mh")[:3],
        AddDestination(DNS, down(nominal=0)),
        *full("mh")[4:],
        DOWN_STEP,
    ],
    "down with a threshold": [*full("mh"), EditDestination(DNS, down(upper=9, nominal=2)), DOWN_STEP],
    "down while another scheduler served": [
        *full("wrr"),
        EditDestination(DNS, hashed(1)),
        DOWN_STEP,
        EditService(VirtualService(DNS, "mh", MH_FLAGS)),
    ],
    "removed at a share and added again": [
        *full("mh"),
        EditDestination(DNS, hashed(1)),
        *(RemoveDestination(DNS, one.key) for one in [down(), *_BEHIND]),
        *(AddDestination(DNS, one) for one in [down(), *_BEHIND]),
    ],
}
HISTORY_NAMES = list(_HISTORIES)
HISTORIES = list(_HISTORIES.values())


FLOWS = [
    Flow(Protocol.UDP, ip_address("10.99.0.1"), port, ip_address("10.100.0.1"), 53)
    for port in range(20000, 20600)
]
_NAMES = Service(Protocol.UDP, 53, "names")


class IpvsContract:
    """Subclasses provide three fixtures.

    ``ipvs``: a driver with an empty table. ``table``: carries steps out on an empty table and returns what
    the service DNS makes of many flows. ``counted``: does so too, and takes a census of FLOWS.
    """

    @pytest.mark.parametrize("state", STATES, ids=lambda state: str(state.service.key))
    def test_reads_back_what_was_applied(self, ipvs: IpvsDriver, state: ServiceState) -> None:
        assert ipvs.apply(added(state)) == []
        assert ipvs.read() == {state.service.key: state}

    def test_reads_many_services(self, ipvs: IpvsDriver) -> None:
        assert ipvs.apply([step for state in STATES for step in added(state)]) == []
        assert ipvs.read() == {state.service.key: state for state in STATES}

    def test_reads_only_the_services_asked_for(self, ipvs: IpvsDriver) -> None:
        ipvs.apply([step for state in STATES for step in added(state)])
        absent = replace(STATES[0].service, key=WEB._replace(port=81)).key
        assert ipvs.read([WEB, absent, MARK6]) == {WEB: STATES[0], MARK6: STATES[4]}
        assert ipvs.read([]) == {}

    def test_destinations_come_back_in_insertion_order(self, ipvs: IpvsDriver) -> None:
        members = tuple(member(f"10.2.0.{last}") for last in (9, 1, 200, 3, 77, 2))
        state = ServiceState(VirtualService(WEB, "mh", MH_FLAGS), members)
        ipvs.apply(added(state))
        assert ipvs.read()[WEB].destinations == members
        ipvs.apply([RemoveDestination(WEB, members[0].key), AddDestination(WEB, members[0])])
        assert ipvs.read()[WEB].destinations == (*members[1:], members[0])

    def test_editing_keeps_the_order(self, ipvs: IpvsDriver) -> None:
        members = tuple(member(f"10.2.0.{last}") for last in (9, 1, 2))
        ipvs.apply(added(ServiceState(VirtualService(WEB, "mh", MH_FLAGS), members)))
        drained = replace(members[0], weight=0)
        assert ipvs.apply([EditDestination(WEB, drained)]) == []
        assert ipvs.read()[WEB].destinations == (drained, *members[1:])

    def test_nominal_reads_as_the_last_weight_where_this_driver_knows_it(self, ipvs: IpvsDriver) -> None:
        def nominals() -> list[int]:
            return [one.nominal for one in ipvs.read()[WEB].destinations]

        ipvs.apply(added(STATES[0]))
        assert nominals() == [1, 4, 2]
        third = STATES[0].destinations[2]
        ipvs.apply([EditDestination(WEB, replace(third, nominal=3))])
        assert nominals() == [1, 4, 3]
        ipvs.apply([EditDestination(WEB, replace(third, weight=7))])
        assert nominals() == [1, 4, 7]
        ipvs.apply([EditDestination(WEB, replace(third, nominal=0))])  # as somebody else would do it
        assert nominals() == [1, 4, 0]

    @pytest.mark.parametrize("history", HISTORIES[1:], ids=HISTORY_NAMES[1:])
    def test_the_table_of_mh_does_not_depend_on_the_history(
        self, table: Callable[[Sequence[IpvsStep]], object], history: Sequence[IpvsStep]
    ) -> None:
        assert table(history) == table(HISTORIES[0])

    def test_the_table_of_mh_depends_on_the_last_weight(
        self, table: Callable[[Sequence[IpvsStep]], object]
    ) -> None:
        """What the test above would not see if it could see nothing."""
        assert table([*full("mh"), EditDestination(DNS, down(nominal=1))]) != table(HISTORIES[0])

    def test_edits_every_setting_of_a_destination(self, ipvs: IpvsDriver) -> None:
        ipvs.apply(added(STATES[3]))
        edited = replace(
            member("10.2.0.1", 0, weight=9, method=ForwardMethod.TUNNEL),
            upper=7,
            lower=3,
            tunnel_type=TunnelType.GUE,
            tunnel_port=1234,
            tunnel_flags=TunnelFlag.CSUM,
        )
        assert ipvs.apply([EditDestination(MARK, edited)]) == []
        assert ipvs.read()[MARK].destinations[0] == edited

    def test_edits_every_setting_of_a_service(self, ipvs: IpvsDriver) -> None:
        ipvs.apply(added(STATES[6]))
        service = STATES[6].service
        edited = VirtualService(service.key, "wrr", ServiceFlag.ONE_PACKET, 0, 16)
        assert ipvs.apply([EditService(edited)]) == []
        assert ipvs.read()[service.key].service == edited

    def test_the_kernels_own_flag_is_neither_sent_nor_reported(self, ipvs: IpvsDriver) -> None:
        service = VirtualService(WEB, "rr", ServiceFlag.HASHED | ServiceFlag.PERSISTENT, 10)
        assert ipvs.apply([AddService(service), EditService(service)]) == []
        assert ipvs.read()[WEB].service.flags is ServiceFlag.PERSISTENT

    def test_removing_a_service_removes_its_destinations(self, ipvs: IpvsDriver) -> None:
        ipvs.apply([*added(STATES[0]), *added(STATES[1])])
        assert ipvs.apply([RemoveService(WEB)]) == []
        assert set(ipvs.read()) == {DNS}

    def test_a_whole_life_in_one_batch(self, ipvs: IpvsDriver) -> None:
        plain = STATES[0].service
        steps = [
            *added(STATES[0]),
            EditService(replace(plain, scheduler="wrr", flags=ServiceFlag.NONE)),
            RemoveDestination(WEB, STATES[0].destinations[1].key),
            EditDestination(WEB, member("10.2.0.3", weight=8)),
            AddDestination(WEB, member("10.2.0.4")),
            *added(STATES[1]),
            RemoveService(DNS),
            *added(STATES[1]),
            AddDestination(WEB, member("10.2.0.5")),
        ]
        assert ipvs.apply(steps) == []
        assert ipvs.read() == {
            DNS: STATES[1],
            WEB: ServiceState(
                VirtualService(WEB, "wrr"),
                (
                    member("10.2.0.3", weight=8),
                    member("10.2.0.2", weight=0),
                    member("10.2.0.4"),
                    member("10.2.0.5"),
                ),
            ),
        }

    def test_the_same_service_removed_and_built_again_in_one_batch(self, ipvs: IpvsDriver) -> None:
        again = ServiceState(STATES[0].service, STATES[0].destinations[::-1])
        assert ipvs.apply([*added(STATES[0]), RemoveService(WEB), *added(again)]) == []
        assert ipvs.read() == {WEB: again}

    @pytest.mark.parametrize(
        ("step", "errno", "words"),
        [
            (AddService(STATES[0].service), EEXIST, "exists already"),
            (AddService(VirtualService(DNS, "nosuch")), ENOENT, "module ip_vs_nosuch"),
            (AddService(VirtualService(DNS, "a-very-long-scheduler")), EINVAL, "15 characters"),
            (AddService(VirtualService(WEB6, "rr", prefix=0)), EINVAL, "1 to 128"),
            (AddService(VirtualService(WEB6, "rr", prefix=129)), EINVAL, "1 to 128"),
            (EditService(VirtualService(DNS, "rr")), ESRCH, "no such service"),
            (EditService(VirtualService(WEB, "nosuch")), ENOENT, "module ip_vs_nosuch"),
            (RemoveService(DNS), ESRCH, "no such service"),
            (AddDestination(DNS, member("10.2.0.9")), ESRCH, "no such service"),
            (AddDestination(DNS, member("10.2.0.9", weight=0)), ESRCH, "no such service"),
            (AddDestination(WEB, member("10.2.0.3")), EEXIST, "exists already"),
            (AddDestination(WEB, member("10.2.0.9", weight=-1)), ERANGE, "negative"),
            (AddDestination(WEB, member("10.2.0.9", upper=1, lower=2)), ERANGE, "threshold"),
            (AddDestination(WEB, member("224.0.0.9")), EINVAL, "unicast"),
            (AddDestination(WEB, member("255.255.255.255")), EINVAL, "unicast"),
            (AddDestination(WEB, member("2001:db8::9")), EINVAL, "tunnelled"),
            (AddDestination(WEB, member("10.2.0.9", tunnel_type=TunnelType.GUE)), EINVAL, "GUE"),
            (EditDestination(WEB, member("10.2.0.9")), ENOENT, "no such destination"),
            (EditDestination(WEB, member("10.2.0.3", weight=-1)), ERANGE, "negative"),
            (EditDestination(DNS, member("10.2.0.3")), ESRCH, "no such service"),
            (RemoveDestination(WEB, member("10.2.0.9").key), ENOENT, "no such destination"),
            (RemoveDestination(DNS, member("10.2.0.9").key), ESRCH, "no such service"),
        ],
        ids=lambda value: type(value).__name__ if hasattr(value, "__dataclass_fields__") else str(value),
    )
    def test_a_refused_step_changes_nothing_and_stops_nothing(
        self, ipvs: IpvsDriver, step: IpvsStep, errno: int, words: str
    ) -> None:
        ipvs.apply(added(STATES[0]))
        after = added(STATES[4])
        errors = ipvs.apply([step, *after])
        assert [(one.step, one.errno) for one in errors] == [(step, errno)]
        assert words in errors[0].message
        assert ipvs.read() == {WEB: STATES[0], MARK6: STATES[4]}

    def test_a_threshold_of_more_than_31_bits_is_refused_or_taken_as_it_is(self, ipvs: IpvsDriver) -> None:
        """Debian's 6.1.176 takes what no inventory asks for; 6.1.192 refuses it."""
        ipvs.apply(added(STATES[0]))
        wide = member("10.2.0.9", upper=2**31)
        errors = ipvs.apply([AddDestination(WEB, wide)])
        assert [one.errno for one in errors] in ([], [EINVAL])
        assert all("threshold" in one.message for one in errors)
        assert (wide in ipvs.read()[WEB].destinations) is not bool(errors)

    def test_a_table_service_that_cannot_be_built_fails_step_by_step(self, ipvs: IpvsDriver) -> None:
        """The service is refused, and then each of its destinations."""
        members = tuple(member(f"2001:db8:2::{last}") for last in (3, 1, 2))
        impossible = ServiceState(VirtualService(WEB6, "mh", MH_FLAGS, prefix=129), members)
        errors = ipvs.apply([*added(impossible), *added(STATES[1])])
        assert [one.step for one in errors] == added(impossible)
        assert [one.errno for one in errors] == [EINVAL, ESRCH, ESRCH, ESRCH]
        assert ipvs.read() == {DNS: STATES[1]}

    def test_a_table_service_that_exists_keeps_its_settings(self, ipvs: IpvsDriver) -> None:
        present = VirtualService(WEB, "wrr", ServiceFlag.PERSISTENT, 30)
        ipvs.apply([AddService(present), AddDestination(WEB, member("10.2.0.3"))])
        wanted = ServiceState(STATES[0].service, (member("10.2.0.3"), member("10.2.0.4")))
        steps = added(wanted)
        errors = ipvs.apply(steps)
        assert [(one.step, one.errno) for one in errors] == [(steps[0], EEXIST), (steps[1], EEXIST)]
        assert ipvs.read() == {WEB: ServiceState(present, wanted.destinations)}

    def test_many_failures_among_many_steps_are_each_named(self, ipvs: IpvsDriver) -> None:
        ipvs.apply([AddService(VirtualService(WEB, "rr"))])
        steps: list[IpvsStep] = []
        for number in range(900):
            address = f"10.2.{number // 250}.{number % 250 + 1}"
            steps.append(AddDestination(WEB, member(address, weight=-1 if number % 3 == 0 else 1)))
        errors = ipvs.apply(steps)
        assert [one.step for one in errors] == steps[::3]
        assert {one.errno for one in errors} == {ERANGE}
        made = [step for index, step in enumerate(steps) if index % 3]
        expected = [step.destination for step in made if isinstance(step, AddDestination)]
        assert len(expected) == len(made)
        assert list(ipvs.read()[WEB].destinations) == expected

    @pytest.mark.parametrize("size", [253, 254, 255, 256, 257, 511, 512, 513])
    def test_services_of_any_size_come_out_whole(self, ipvs: IpvsDriver, size: int) -> None:
        """At the edges of a batch: with the service itself, and with an edit for every weight of 0."""
        members = tuple(
            member(f"10.2.{number // 250}.{number % 250 + 1}", weight=number % 2) for number in range(size)
        )
        state = ServiceState(VirtualService(WEB, "mh", MH_FLAGS), members)
        assert ipvs.apply([*added(state), *added(STATES[1])]) == []
        assert ipvs.read() == {WEB: state, DNS: STATES[1]}

    @pytest.mark.parametrize(
        "step",
        [
            AddDestination(WEB, member("10.2.0.9", weight=2**40)),
            AddDestination(WEB, member("10.2.0.9", port=70000)),
            AddService(VirtualService(DNS, "rr", timeout=2**40)),
            AddService(VirtualService(DNS, "rr", prefix=33)),
            AddService(VirtualService(DNS, "öö")),
        ],
        ids=["weight", "port", "timeout", "prefix", "scheduler"],
    )
    def test_nonsense_is_refused_and_stops_nothing(self, ipvs: IpvsDriver, step: IpvsStep) -> None:
        ipvs.apply(added(STATES[0]))
        errors = ipvs.apply([step, *added(STATES[4])])
        assert [one.step for one in errors] == [step]
        assert ipvs.read() == {WEB: STATES[0], MARK6: STATES[4]}

    def test_numbers_that_others_have_set_and_nobody_knows_are_read_edited_and_removed(
        self, ipvs: IpvsDriver
    ) -> None:
        """The kernel checks none of them (``ip_vs_genl_parse_service``, ``ip_vs_genl_parse_dest``)."""
        strange = ServiceState(
            VirtualService(ServiceKey(AddressFamily.IPV4, Protocol(50), WEB.address, 80), "rr"),
            (
                member("10.2.0.1", method=ForwardMethod(5)),
                member("10.2.0.2", method=ForwardMethod.TUNNEL, tunnel_type=TunnelType(9)),
            ),
        )
        assert ipvs.apply([*added(STATES[0]), *added(strange)]) == []
        assert ipvs.read() == {WEB: STATES[0], strange.service.key: strange}
        assert set(ipvs.statistics()) == {WEB, strange.service.key}
        ours = member("10.2.0.3", method=ForwardMethod(7))
        ipvs.apply([EditDestination(WEB, ours)])
        assert ipvs.read([WEB])[WEB].destinations[0] == ours
        ipvs.apply([EditDestination(WEB, STATES[0].destinations[0])])
        assert ipvs.apply([RemoveService(strange.service.key)]) == []
        assert ipvs.read() == {WEB: STATES[0]}

    @pytest.mark.parametrize("mask", [0xFF00FF00, 0x00FFFFFF, 0x80000001])
    def test_a_mask_with_holes_is_no_prefix(self, ipvs: IpvsDriver, mask: int) -> None:
        holes = VirtualService(WEB, "rr", ServiceFlag.PERSISTENT, 60, -mask)
        wanted = VirtualService(WEB, "rr", ServiceFlag.PERSISTENT, 60, mask.bit_count())
        assert ipvs.apply([AddService(holes)]) == []
        assert ipvs.read()[WEB].service == holes != wanted
        assert ipvs.apply([EditService(wanted)]) == []
        assert ipvs.read()[WEB].service == wanted

    def test_statistics_of_idle_services(self, ipvs: IpvsDriver) -> None:
        ipvs.apply([*added(STATES[0]), *added(STATES[1])])
        found = ipvs.statistics()
        assert set(found) == {WEB, DNS}
        idle = DestinationStatistics()
        assert found[WEB].destinations == tuple((one.key, idle) for one in STATES[0].destinations)
        assert ipvs.statistics([DNS, MARK]) == {DNS: found[DNS]}

    def test_a_census(self, counted: Callable[[Sequence[IpvsStep], Survey], Census]) -> None:
        now, then = (
            ServiceState(
                VirtualService(DNS, "mh", MH_FLAGS),
                tuple(hashed(weight if name == HASHED[2] else 4, name) for name in HASHED),
            )
            for weight in (4, 0)
        )
        finder = ServiceFinder({DNS: (Vip(FLOWS[0].vip, (_NAMES,)), _NAMES)})
        picks = [maglev_table(now).pick(flow.client, flow.client_port) for flow in FLOWS]
        strays = picks.count(hashed(4).key)
        assert strays
        found = counted(added(now), Survey(finder, {DNS: (now, then), WEB: ()}, 120))
        assert found.counts == {DNS: FlowCount(len(FLOWS), (0, strays)), WEB: FlowCount()}

    def test_nothing_to_do(self, ipvs: IpvsDriver) -> None:
        assert ipvs.apply([]) == []
        assert ipvs.read() == {}
        assert ipvs.statistics() == {}
