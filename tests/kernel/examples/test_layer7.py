"""nginx as a tier of proxies behind a dr and a tun VIP, with the configuration that docs/layer7.md shows."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from lab_view import eventually, inside

from clusterlb.lab.topology import CLIENT, CLIENTS

pytestmark = pytest.mark.kernel

PROXIES, WEB = re.findall(
    r"^```nginx\n(.*?)^```",
    (Path(__file__).parents[3] / "docs" / "layer7.md").read_text(),
    re.DOTALL | re.MULTILINE,
)
ROLES = {"r1": PROXIES, "r2": PROXIES, "r3": WEB, "r4": WEB}
WEB_SERVERS = {"10.2.0.103", "10.2.0.104"}
VIPS = ("10.100.0.1", "10.100.0.2")  # dr and tun
REQUESTS = 32


def nginx(name, sites, home):
    """Start nginx in a namespace; return its process."""
    home.mkdir()
    paths = "".join(
        f"{kind}_temp_path {home}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (home / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {home}/pid; error_log {home}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log {home}/access.log;\n{paths}{sites}}}\n"
    )
    command = ["ip", "netns", "exec", name, "nginx", "-e", f"{home}/error.log", "-c", f"{home}/nginx.conf"]
    return subprocess.Popen(command)


@pytest.fixture(scope="module")
def tier(control, tmp_path_factory):
    """nginx on all four in place of the lab's own servers; their homes by name."""
    home = tmp_path_factory.mktemp("nginx")
    processes = []
    for name in ROLES:
        control.do("stop_server", name)
    try:
        for name, sites in ROLES.items():
            processes.append(nginx(name, sites, home / name))
        # the checks may have missed a beat, and a proxy's web server may have come after it
        eventually(lambda: all(map(answer, VIPS)), 120, "every VIP answered")
        yield {name: home / name for name in ROLES}
    finally:
        for process in processes:
            process.kill()
            process.wait()
        for name in ROLES:
            control.do("start_server", name)


def curl(*words):
    """Run curl on the client; return its output, empty when it fails."""
    command = ["ip", "netns", "exec", CLIENT, "curl", "-s", "--fail", "--max-time", "20", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout


def answer(vip, *words, query=""):
    return curl(*words, f"http://{vip}/whoami?{query}").split()


def accesses(home, query):
    """The clients of the requests with this query that a proxy has logged, each after its answer."""
    log = home / "access.log"
    return [line.split()[0] for line in log.read_text().splitlines() if f"/whoami?{query} " in line]


@pytest.mark.parametrize("vip", VIPS)
def test_nginx_sees_the_client_and_the_web_servers_are_told_of_it(tier, vip):
    asked, seen = Counter(), Counter()
    for number in range(REQUESTS):
        client = str(CLIENTS[number % len(CLIENTS)])
        said = answer(vip, "--interface", client, query=f"through={vip}")
        assert said[1:] == [client, client], said
        asked[client] += 1
        seen[said[0]] += 1
    assert set(seen) == WEB_SERVERS, seen
    logs = [tier[name] for name in ("r1", "r2")]
    eventually(
        lambda: sum((Counter(accesses(log, f"through={vip}")) for log in logs), Counter()) == asked,
        30,
        "every request logged by one of the proxies",
    )
    assert all(accesses(log, f"through={vip}") for log in logs), "one of the proxies got no connection"


def test_a_cookie_leads_to_one_web_server_through_every_proxy(tier):
    headers = curl("-D", "-", "-o", "/dev/null", f"http://{VIPS[0]}/whoami")
    (route,) = re.findall(r"^set-cookie: (route=\w+);", headers, re.IGNORECASE | re.MULTILINE)
    answers = {answer(vip, "--cookie", route)[0] for vip in VIPS for _ in range(REQUESTS)}
    assert len(answers) == 1


def test_a_client_that_invents_the_header_is_not_believed(tier):
    said = answer(VIPS[0], "--interface", str(CLIENTS[0]), "-H", "X-Forwarded-For: 192.0.2.1")
    assert said[1:] == [str(CLIENTS[0])] * 2


def test_the_health_location_needs_no_web_server(tier):
    status = inside(
        "r1", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://10.2.0.101/nginx-health"
    )
    assert status == "204"
