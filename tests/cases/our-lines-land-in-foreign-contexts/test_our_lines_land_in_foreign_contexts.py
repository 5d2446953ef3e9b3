import os
import signal
import subprocess
from pathlib import Path

import pytest

from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.frr.merge import displaced, needed
from clusterlb.drivers.frr.text import parse
from tests.frr.conftest import eventually, frr_missing

HERE = Path(__file__).parent
OURS = parse((HERE.parents[1] / "golden" / "frr" / "plain.conf").read_text())
DAEMONS = {
    "bgpd": "router bgp",
    "ldpd": "mpls ldp",
    "isisd": "isis",
    "ripd": "rip",
    "staticd": "ip route",
    "ospf6d": "router ospf6",
}

pytestmark = [pytest.mark.frr, frr_missing]


def ended(pid):
    """Say whether a process is gone, or waits to be reaped alone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def start(router, text):
    """Have a fresh FRR start from a file, as its service does."""
    for pid in router.daemons.values():
        os.kill(pid, signal.SIGTERM)  # not SIGKILL: ldpd's children would take the next one's socket away
    for pid in router.daemons.values():
        eventually(lambda pid=pid: ended(pid))
    router.daemons.clear()
    file = Path("/etc/frr", router.name, "frr.conf")
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text)
    wanted = [daemon for daemon, word in DAEMONS.items() if word.encode() in text]
    router.start("zebra", "ospfd", "bfdd", *wanted)
    eventually(lambda: set(router.daemons) <= {*router.vtysh("show daemons").split(), "mgmtd"})
    # its exit code says that a line was refused, and those of the operator's are theirs
    subprocess.run(["vtysh", "-N", router.name, "-b"], check=False, capture_output=True, timeout=30)
    return file


def inhabited(lines):
    """Leave out interfaces without lines: FRR shows some of those that were once configured."""
    full = {line.context[0] for line in lines if line.context}
    return {line for line in lines if not line.text.startswith("interface ") or line.text in full}


@pytest.mark.parametrize("path", sorted(HERE.glob("*.conf")), ids=lambda path: path.stem)
async def test_frr_reads_the_file_as_it_is_meant(path, routers):
    router = routers("d")
    file = start(router, path.read_bytes())
    frr = FrrDaemon(pathspace=router.name)
    before = await frr.read()
    ours = needed(before, OURS)
    during = await frr.configure(ours, ())
    assert needed(during, OURS) == ()

    start(router, file.read_bytes())
    assert inhabited(await frr.read()) == inhabited(during)

    again = await frr.configure(displaced(before, during), ours)
    start(router, file.read_bytes())
    assert inhabited(await frr.read()) == inhabited(again) == inhabited(before)
