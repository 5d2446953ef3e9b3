"""Rules about ports and processes that a file does not show, or shows incompletely."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clusterlb.audit.finding import AuditSeverity, Remark
from clusterlb.audit.view import Key, Section, Setting, View


def hidden(view: View, names: Sequence[str]) -> Iterator[Remark]:
    """Report lines that were not read, and a file without any port that is named or speaks OSPF."""
    for line, text in view.hidden:
        said = f"`{text}`: not read, only the main system's OSPF is"
        yield Remark("no-ospf", AuditSeverity.NOT_SEEN, line, said)
    if names:
        return
    covered = [network for process in view.processes.values() for network in process.networks]
    if view.unnamed:
        text = "OSPF is on all interfaces: name the ports to the directors with --interface"
        yield Remark("no-ospf", AuditSeverity.NOT_SEEN, min(view.unnamed.values()), text)
    elif covered and not view.ports:
        text = (
            f"the file does not show which ports are within network {covered[0].network}: name those to "
            "the directors with --interface"
        )
        yield Remark("no-ospf", AuditSeverity.NOT_SEEN, covered[0].line, text)
    else:
        text = "no interface speaks OSPF: name the ports to the directors"
        yield Remark("no-ospf", AuditSeverity.ERROR, view.line, text)


def silent(name: str, view: View, wanted: View) -> Remark:
    """Report a named port that does not speak OSPF."""
    text = f"{name} does not speak OSPF: no adjacency with the directors behind it"
    settings = dict(wanted.ports[name].values)
    if any(process.networks for process in view.processes.values()):
        # FRR refuses `ip ospf area` beside `network` statements
        area = settings.pop(Setting.AREA).text
        text += f"; its process needs `network A.B.C.D/N area {area}` with the port's own"
    return Remark("no-ospf", AuditSeverity.ERROR, view.line, text, name, tuple(settings))


def unsure(port: Section, wanted: Section, view: View) -> Iterator[Remark]:
    """Report a port that a ``network`` statement may match, or whose area is wrong in any case."""
    process = view.processes.get(port.process)
    if port.name not in view.unsure or process is None:
        return
    networks, right = process.networks, wanted.text(Setting.AREA)
    if all(covered.area != right for covered in networks):
        areas = ", ".join(dict.fromkeys(covered.area for covered in networks))
        text = (
            f"{port.name} can only be in area {areas}, by a network statement, the directors are in {right}: "
            "no adjacency"
        )
        yield Remark("area", AuditSeverity.ERROR, networks[0].line, text)
        return
    shown = ", ".join(str(covered.network) for covered in networks if covered.area == right)
    text = (
        f"the file does not show whether the address of {port.name} is within network {shown}: look at "
        f"`show ip ospf interface {port.name}`, or put `ip address A.B.C.D/N` under it in a copy of the file"
    )
    yield Remark("no-ospf", AuditSeverity.NOT_SEEN, networks[0].line, text)


def no_process(view: View, key: Key, ports: Sequence[Section]) -> Remark:
    """Report ports in a process that the file lacks; a file without any process is incomplete."""
    name = " ".join(
        ["OSPF process", *([key.name] if key.name else []), *([f"of VRF {key.vrf}"] if key.vrf else [])]
    )
    port = ports[0]
    line = port.at(Setting.AREA)
    if not view.processes:
        text = f"the file has no {name}: its width, timers and filter were not looked at"
        return Remark("no-ospf", AuditSeverity.NOT_SEEN, line, text)
    text = (
        f"{port.name} is in {name}, which the file does not have: no director behind it becomes a neighbour"
    )
    return Remark("no-ospf", AuditSeverity.ERROR, line, text)
