"""What an operator reads when a VIP is withdrawn."""

from clusterlb.cli.status import show

WHY = "full NAT needs 192.0.2.7, which no interface of this director has: replies would not come back"
MEMBER = {
    "member": "10.2.0.101:8080",
    "verdict": "down",
    "pinned": False,
    "weight": 0,
    "active": 0,
    "inactive": 0,
    "because": "connection refused",
    "warning": "",
    "suspect": "",
}
SERVICE = {"service": "tcp 10.100.0.1:80", "pool": "web", "members": [MEMBER]}
STATUS = {
    "director": "d1",
    "cluster": "edge",
    "fit": True,
    "unfit_because": "",
    "frr": {"neighbors": []},
    "inventory": {"rejected": ""},
    "errors": [],
    "intents": [],
    "director_checks": {},
    "ports": {"warnings": []},
    "inside": [],
    "vips": [
        {
            "vip": "10.100.0.1",
            "announced": [],
            "reason": "no-local-address",
            "because": WHY,
            "services": [SERVICE],
        }
    ],
}


def test_a_withdrawn_vip_and_its_reason_are_one_line_before_the_table(capsys):
    show(STATUS)
    lines = capsys.readouterr().out.splitlines()
    told = lines.index(f"10.100.0.1 WITHDRAWN, no-local-address: {WHY}")
    table = next(number for number, line in enumerate(lines) if "because" in line and "verdict" in line)
    assert told < table


def test_in_a_pipe_addresses_are_not_folded(capsys):
    show(STATUS)
    lines = capsys.readouterr().out.splitlines()
    assert any("10.2.0.101:8080" in line and "connection refused" in line for line in lines)
