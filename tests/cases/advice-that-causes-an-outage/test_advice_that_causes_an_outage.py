import os
import socket

import pytest

from clusterlb.drivers.frr import vtysh
from clusterlb.drivers.frr.vtysh import Vtysh


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Make a host: ``host({"zebra", "ospfd-1"}, "ospfd=yes")`` has these sockets, and this file."""
    monkeypatch.setattr(vtysh, "FRR_RUN", tmp_path)

    def make(sockets, daemons=""):
        for name in sockets:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(tmp_path / f"{name}.vty"))
        (tmp_path / "daemons").write_text(daemons)
        return Vtysh(config_dir=tmp_path)

    return make


def test_an_instance_is_not_what_is_needed(host):
    said = str(host({"zebra", "ospfd-1", "ospfd-2"}, "ospfd=yes\n").not_running(["ospfd"]))
    assert "ospfd-1 and ospfd-2" in said
    assert "`ospfd_instances`" in said
    assert "Do not restart FRR before" in said
    assert "systemctl" not in said


def test_a_daemon_that_was_switched_on_has_ended(host):
    said = str(host({"zebra"}, "# ospfd=no\nospfd=yes\nbfdd=yes\n").not_running(["ospfd", "bfdd"]))
    assert "has ospfd=yes, bfdd=yes" in said
    assert "journalctl -u frr" in said
    assert "systemctl" not in said


def test_what_a_restart_costs_is_said(host):
    said = str(host({"zebra", "bgpd"}, "#ospfd=yes\nbgpd=yes\n").not_running(["ospfd"]))
    assert "Put ospfd=yes into" in said
    assert "restarts every protocol of this host" in said


@pytest.mark.parametrize("daemons", [["zebra"], ["zebra", "ospfd"]])
def test_an_frr_that_does_not_run_is_started(host, daemons):
    said = str(host(set(), "ospfd=yes\n").not_running(daemons))
    assert "systemctl start frr" in said


def test_a_zebra_that_is_missing_beside_others_is_no_reason_to_restart(host):
    said = str(host({"ospfd"}, "ospfd=yes\n").not_running(["zebra"]))
    assert "journalctl -u frr" in said
    assert "systemctl" not in said


@pytest.mark.parametrize("name", ["ospfd", "ospf6d"])
def test_a_socket_that_may_not_be_opened(host, name, monkeypatch):
    made = host({name}, f"{name}=yes\n")
    monkeypatch.setattr(os, "access", lambda *_: False)
    said = str(made.not_running([name]))
    assert "Run this as root" in said
    assert "systemctl" not in said
