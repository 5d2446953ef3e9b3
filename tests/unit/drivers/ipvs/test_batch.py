"""Steps become few messages, and every failure finds its step."""

from __future__ import annotations

from dataclasses import replace
from errno import EEXIST, EINVAL, ENOBUFS, ENOMEM, ESRCH
from ipaddress import ip_address

from ipvs_replies import tree

from clusterlb.drivers.ipvs.batch import Batch
from clusterlb.drivers.ipvs.protocol import Command
from clusterlb.drivers.netlink.codec import NetlinkError
from clusterlb.drivers.netlink.socket import BatchResult
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ForwardMethod,
    Protocol,
    ServiceKey,
    VirtualService,
)
from clusterlb.model.plan import (
    AddDestination,
    AddService,
    EditDestination,
    EditService,
    IpvsStep,
    RemoveService,
)

WEB = ServiceKey(AddressFamily.IPV4, Protocol.TCP, ip_address("10.100.0.1"), 80)
OTHER = WEB._replace(port=81)


class Recorder:
    """A kernel that agrees, but for what ``refuse`` says: (send, message) -> errno."""

    def __init__(
        self, refuse: dict[tuple[int, int], int] | None = None, lose: dict[int, int] | None = None
    ) -> None:
        self.refuse = refuse or {}
        self.lose = lose or {}
        self.sends: list[list[tuple[int, bytes, bytes]]] = []

    def batch(self, messages: list[tuple[int, bytes, bytes]]) -> BatchResult:
        number = len(self.sends)
        self.sends.append(list(messages))
        refusals = {
            index: NetlinkError(errno) for (send, index), errno in self.refuse.items() if send == number
        }
        return BatchResult(refusals, self.lose.get(number, 0))

    @property
    def commands(self) -> list[list[str]]:
        return [[Command(command).name for command, _, _ in send] for send in self.sends]


def destination(number: int, weight: int = 1, nominal: int = 1) -> Destination:
    key = DestinationKey(ip_address(0x0A020000 + number), 80)
    return Destination(key, ForwardMethod.ROUTE, weight, nominal=nominal)


def build(key: ServiceKey, scheduler: str, count: int) -> list[IpvsStep]:
    return [
        AddService(VirtualService(key, scheduler)),
        *(AddDestination(key, destination(n)) for n in range(1, count + 1)),
    ]


def run(kernel: Recorder, steps: list[IpvsStep]) -> list[tuple[int, int]]:
    errors = Batch(kernel, steps, lambda *_: None).run()
    return [(steps.index(error.step), error.errno) for error in errors]


def scheduler_of(message: tuple[int, bytes, bytes]) -> bytes:
    return tree(tree(message[1])[1])[6]


def test_at_most_256_messages_a_send() -> None:
    kernel = Recorder()
    assert run(kernel, build(WEB, "rr", 1000)) == []
    assert [len(send) for send in kernel.sends] == [256, 256, 256, 233]


def test_one_changed_member_is_one_message() -> None:
    kernel = Recorder()
    run(kernel, [EditDestination(WEB, destination(1, weight=3))])
    assert kernel.commands == [["SET_DEST"]]


def test_a_member_that_goes_to_weight_0_goes_by_its_nominal_weight_in_the_same_send() -> None:
    kernel = Recorder()
    steps: list[IpvsStep] = [AddDestination(WEB, destination(n)) for n in range(255)]
    run(kernel, [*steps, EditDestination(WEB, destination(1, weight=0, nominal=4))])
    assert [len(send) for send in kernel.sends] == [255, 2]
    assert kernel.commands[1] == ["SET_DEST", "SET_DEST"]
    assert [tree(tree(dest)[2])[4] for _, _, dest in kernel.sends[1]] == [b"\x04\0\0\0", b"\0\0\0\0"]


def test_a_member_that_is_down_is_added_at_its_nominal_weight_in_the_same_send() -> None:
    kernel = Recorder()
    steps: list[IpvsStep] = [AddDestination(WEB, destination(n)) for n in range(255)]
    run(kernel, [*steps, AddDestination(WEB, destination(300, weight=0, nominal=4))])
    assert [len(send) for send in kernel.sends] == [255, 2]
    assert kernel.commands[1] == ["NEW_DEST", "SET_DEST"]
    assert [tree(tree(dest)[2])[4] for _, _, dest in kernel.sends[1]] == [b"\x04\0\0\0", b"\0\0\0\0"]


def test_a_table_is_built_once() -> None:
    kernel = Recorder()
    assert run(kernel, build(WEB, "mh", 3)) == []
    assert kernel.commands == [["NEW_SERVICE", "NEW_DEST", "NEW_DEST", "NEW_DEST"], ["SET_SERVICE"]]
    assert scheduler_of(kernel.sends[0][0]) == b"none\0"
    assert scheduler_of(kernel.sends[1][0]) == b"mh\0"


def test_tables_of_one_send_are_bound_together() -> None:
    kernel = Recorder()
    assert run(kernel, [*build(WEB, "mh", 2), *build(OTHER, "mh", 2)]) == []
    assert kernel.commands[1] == ["SET_SERVICE", "SET_SERVICE"]


def test_a_table_of_one_member_takes_no_detour() -> None:
    kernel = Recorder()
    run(kernel, build(WEB, "mh", 1))
    assert kernel.commands == [["NEW_SERVICE", "NEW_DEST"]]


def test_a_later_step_of_the_service_finds_its_scheduler() -> None:
    kernel = Recorder()
    service = VirtualService(WEB, "wrr")
    run(kernel, [*build(WEB, "mh", 2), AddService(VirtualService(OTHER, "rr")), EditService(service)])
    assert kernel.commands == [
        ["NEW_SERVICE", "NEW_DEST", "NEW_DEST", "NEW_SERVICE"],
        ["SET_SERVICE"],
        ["SET_SERVICE"],
    ]
    assert scheduler_of(kernel.sends[2][0]) == b"wrr\0"


def test_a_later_member_of_the_service_finds_its_scheduler() -> None:
    kernel = Recorder()
    run(kernel, [*build(WEB, "mh", 2), *build(OTHER, "rr", 1), AddDestination(WEB, destination(9))])
    assert kernel.commands[1:] == [["SET_SERVICE"], ["NEW_DEST"]]


def test_a_service_that_exists_is_not_given_our_scheduler() -> None:
    kernel = Recorder({(0, 0): EEXIST})
    assert run(kernel, build(WEB, "mh", 2)) == [(0, EEXIST)]
    assert len(kernel.sends) == 1


def test_a_table_that_cannot_be_bound_is_built_the_plain_way() -> None:
    kernel = Recorder({(0, 2): EEXIST, (1, 0): ENOMEM, (3, 0): ENOMEM, (3, 1): ESRCH, (3, 2): ESRCH})
    assert run(kernel, build(WEB, "mh", 2)) == [(0, ENOMEM), (1, ESRCH), (2, ESRCH)]
    assert kernel.commands[1:] == [["SET_SERVICE"], ["DEL_SERVICE"], ["NEW_SERVICE", "NEW_DEST", "NEW_DEST"]]
    assert scheduler_of(kernel.sends[3][0]) == b"mh\0"


def test_of_two_refusals_of_one_step_the_first_is_reported() -> None:
    kernel = Recorder({(0, 0): EEXIST, (0, 1): ENOMEM})
    assert run(kernel, [AddDestination(WEB, destination(1, weight=0))]) == [(0, EEXIST)]


def test_lost_answers_make_every_step_of_the_send_uncertain() -> None:
    kernel = Recorder({(0, 1): EEXIST}, lose={0: ENOBUFS})
    steps = build(WEB, "rr", 2)
    errors = Batch(kernel, steps, lambda *_: None).run()
    assert [(error.step, error.errno) for error in errors] == [
        (steps[0], ENOBUFS),
        (steps[1], EEXIST),
        (steps[2], ENOBUFS),
    ]
    assert "is unknown" in errors[0].message
    assert "exists already" in errors[1].message


def test_a_lost_answer_to_the_scheduler_is_the_services() -> None:
    kernel = Recorder(lose={1: ENOBUFS})
    assert run(kernel, build(WEB, "mh", 2)) == [(0, ENOBUFS)]


def test_what_cannot_be_packed_is_reported_and_the_rest_is_sent() -> None:
    kernel = Recorder()
    wrong = AddDestination(WEB, replace(destination(2), weight=2**40, nominal=1))
    steps: list[IpvsStep] = [AddDestination(WEB, destination(1)), wrong, AddDestination(WEB, destination(3))]
    assert run(kernel, steps) == [(1, EINVAL)]
    assert kernel.commands == [["NEW_DEST", "NEW_DEST"]]


def test_modules_are_asked_for_before_their_service() -> None:
    asked = []
    Batch(Recorder(), [AddService(VirtualService(WEB, "wlc")), RemoveService(WEB)], asked.append).run()
    assert asked == ["wlc"]


def test_nothing_is_sent_for_nothing() -> None:
    kernel = Recorder()
    assert run(kernel, []) == []
    assert kernel.sends == []
