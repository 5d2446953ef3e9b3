"""Rules for ipvsadm --restore, and whose template writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from clusterlb.render import templates
from clusterlb.render.ipvsadm import render_rules
from clusterlb.render.templates import RenderError
from tests.contract.ipvs_suite import STATES

GOLDEN = """\
-A -t 10.100.0.1:80 -s mh -b mh-fallback,mh-port
-a -t 10.100.0.1:80 -r 10.2.0.3:80 -g -w 1
-a -t 10.100.0.1:80 -r 10.2.0.1:80 -g -w 4
-a -t 10.100.0.1:80 -r 10.2.0.2:80 -g -w 2
-e -t 10.100.0.1:80 -r 10.2.0.2:80 -g -w 0
-A -u 10.100.0.1:53 -s rr -o
-a -u 10.100.0.1:53 -r 10.2.0.1:53 -m -w 1 -x 100 -y 50
-a -u 10.100.0.1:53 -r 10.2.0.2:5353 -m -w 1 -x 100 -y 0
-A -t [2001:db8:100::1]:80 -s wlc -p 300 -M 64
-a -t [2001:db8:100::1]:80 -r [2001:db8:2::1]:80 -g -w 1
-a -t [2001:db8:100::1]:80 -r [2001:db8:2::2]:80 -g -w 65535
-A -f 7 -s sh -b sh-fallback,sh-port,flag-3 -p 60 -M 255.255.255.0
-a -f 7 -r 10.2.0.1:0 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum
-a -f 7 -r 10.2.0.2:0 -i -w 1 --tun-type gre --tun-csum
-a -f 7 -r [2001:db8:2::1]:0 -i -w 1
-A -f 7 -6 -s rr
-a -f 7 -6 -r [2001:db8:2::9]:0 -g -w 1
-A --sctp-service 10.100.0.2:5060 -s rr -p 60
-A -u 10.100.0.2:5060 -s rr -p 60
"""


def test_the_rules() -> None:
    assert render_rules(STATES) == GOLDEN


def test_no_services_are_no_rules() -> None:
    assert render_rules([]) == ""


def test_an_operators_template_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "OVERRIDES", tmp_path)
    own = tmp_path / "ipvs" / "services.rules.j2"
    own.parent.mkdir()
    own.write_text("{% for state in services %}\n{{ selector(state.service.key) }}\n{% endfor %}\n")
    assert render_rules(STATES[:2]) == "-t 10.100.0.1:80\n-u 10.100.0.1:53\n"


def test_a_template_with_a_misspelt_name_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "OVERRIDES", tmp_path)
    own = tmp_path / "ipvs" / "services.rules.j2"
    own.parent.mkdir()
    own.write_text("{{ servises }}")
    with pytest.raises(RenderError, match=r"services.rules.j2:1: UndefinedError: 'servises'"):
        render_rules(STATES)
