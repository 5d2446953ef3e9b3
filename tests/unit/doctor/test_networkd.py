"""Whether systemd-networkd leaves alone what is not its own, by its files."""

from __future__ import annotations

import pytest

from clusterlb.doctor.networkd import takes_away

RULES, ROUTES = "ManageForeignRoutingPolicyRules", "ManageForeignRoutes"
BOTH = f"[Network]\n{RULES}=no\n{ROUTES}=off\n"


@pytest.fixture
def host(tmp_path):
    """Return how to write files of a host on which networkd runs."""

    def write(files):
        for name, text in {"run/systemd/netif/state": "", **files}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


def named(text):
    return {name for name in (RULES, ROUTES) if f"{name}=no" in text}


def test_a_host_without_networkd_needs_nothing(tmp_path):
    assert takes_away(rules=True, root=tmp_path) == ""


def test_the_default_is_warned_of_with_the_file_to_write(host):
    said = takes_away(rules=True, root=host({"etc/systemd/networkd.conf": "[Network]\n#SpeedMeter=no\n"}))
    assert named(said) == {RULES, ROUTES}
    assert "/etc/systemd/networkd.conf.d/clusterlb.conf" in said
    assert "\n" not in said


def test_who_has_no_rules_is_not_asked_to_keep_them(host):
    assert named(takes_away(rules=False, root=host({}))) == {ROUTES}


@pytest.mark.parametrize(
    "files",
    [
        {"etc/systemd/networkd.conf": BOTH},
        {"usr/lib/systemd/networkd.conf": BOTH},
        {"etc/systemd/networkd.conf.d/clusterlb.conf": BOTH},
        {"usr/lib/systemd/networkd.conf.d/50-lb.conf": BOTH},
        {
            "run/systemd/networkd.conf.d/a.conf": BOTH,
            "etc/systemd/networkd.conf": f"[Network]\n{RULES}=yes\n",
        },
        # the same name in /etc is read instead of the vendor's
        {
            "etc/systemd/networkd.conf.d/a.conf": BOTH,
            "usr/lib/systemd/networkd.conf.d/a.conf": f"[Network]\n{RULES}=yes\n",
        },
        {"etc/systemd/networkd.conf.d/a.conf": BOTH, "etc/systemd/networkd.conf.d/b.conf": "no section\n"},
        {"etc/systemd/networkd.conf.d/a.conf": "[Network]\n" + BOTH + "[DHCPv4]\nDUIDType=vendor\n"},
    ],
)
def test_who_has_told_it_is_not_warned(host, files):
    assert takes_away(rules=True, root=host(files)) == ""


@pytest.mark.parametrize(
    ("files", "wrong"),
    [
        ({"etc/systemd/networkd.conf.d/a.conf": f"[Network]\n{RULES}=false\n"}, {ROUTES}),
        ({"etc/systemd/networkd.conf.d/a.conf": f"[Network]\n{ROUTES}=0\n"}, {RULES}),
        ({"etc/systemd/networkd.conf.d/a.conf": f"[DHCPv4]\n{ROUTES}=no\n{RULES}=no\n"}, {RULES, ROUTES}),
        # the last in the order of names decides
        (
            {
                "etc/systemd/networkd.conf.d/a.conf": BOTH,
                "usr/lib/systemd/networkd.conf.d/b.conf": f"[Network]\n{RULES}=yes\n",
            },
            {RULES},
        ),
        # only the first main file is read
        ({"etc/systemd/networkd.conf": "", "usr/lib/systemd/networkd.conf": BOTH}, {RULES, ROUTES}),
    ],
)
def test_half_of_it_is_not_enough(host, files, wrong):
    assert named(takes_away(rules=True, root=host(files))) == wrong
