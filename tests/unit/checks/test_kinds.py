import subprocess
import sys
from pathlib import Path

import pytest

import clusterlb
from clusterlb.checks.probe import KINDS

PROGRAM = """
import sys
sys.path.insert(0, {root!r})
from ipaddress import ip_address
import clusterlb.checks.engine
from clusterlb.checks.probe import make_probe
from clusterlb.model.check import *
from clusterlb.model.health import ProbeKey
from clusterlb.model.address import Endpoint
make_probe(ProbeKey(Endpoint(ip_address("127.0.0.1"), 1), ProbeSpec({kind}, 2.0, 1.0, {options})))
print(*(name for name in ("ssl", "h11", "h2", "cryptography", "dns") if name in sys.modules))
"""


@pytest.mark.parametrize(
    ("kind", "options", "loaded"),
    [
        ("CheckType.TCP", "TcpOptions()", ""),
        ("CheckType.TCP", "TcpOptions(expect='x')", ""),
        ("CheckType.HTTP", "HttpOptions()", "h11"),
        ("CheckType.SMTP", "SmtpOptions()", ""),
    ],
)
def test_a_kind_loads_the_libraries_that_it_needs_and_no_others(kind, options, loaded):
    root = str(Path(clusterlb.__file__).parents[1])
    program = PROGRAM.format(root=root, kind=kind, options=options)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == loaded


def test_every_kind_is_there():
    from importlib import import_module

    assert all(callable(getattr(import_module(module), name)) for module, name in KINDS.values())
