"""The director's socket: wishes, status and metrics, asked as the commands ask."""

from __future__ import annotations

import asyncio

import pytest
from fake_director import FakeDirector, change_health, eventually, weights
from served_director import served

from clusterlb.api.metrics import exposition
from clusterlb.cli.client import ask
from clusterlb.controller.status import status
from clusterlb.model.status import EngineStatus

MEMBER = "10.2.0.101:80"


async def asked(host, method, url, body=None):
    return await asyncio.to_thread(ask, host.root / "run", method, url, 10.0, body=body)


def pin(**changes):
    wish = {"kind": "pin", "target": f"web/{MEMBER}", "value": "down", "reason": "disk", "who": "ada"}
    return {**wish, **changes}


async def test_a_pin_and_its_end(tmp_path):
    host = FakeDirector(tmp_path)
    async with served(host):
        assert (await asked(host, "POST", "/v1/intents", pin()))[0] == 200
        await eventually(lambda: weights(host)[MEMBER] == 0)
        _, shown = await asked(host, "GET", "/v1/status")
        (member, *_) = shown["vips"][0]["services"][0]["members"]
        assert (member["verdict"], member["pinned"]) == ("down", True)
        assert [intent["reason"] for intent in shown["intents"]] == ["disk"]
        name = {"kind": "pin", "target": f"web/{MEMBER}"}
        assert await asked(host, "DELETE", "/v1/intents", name) == (200, {})
        await eventually(lambda: weights(host)[MEMBER] == 1)
        code, answer = await asked(host, "DELETE", "/v1/intents", name)
        assert (code, answer["error"]) == (404, f"there is no pin of web/{MEMBER}")


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({"target": "web/10.2.0.9:80"}, 404, "there are member/web/10.2.0.101:80"),
        ({"value": "unknown"}, 400, "take it back"),
        ({"kind": "wish"}, 400, "not an intent"),
        ({"for": "soon"}, 400, "not an intent"),
        ({"kind": "drain", "target": "vip/10.9.9.9", "force": True}, 404, "there are vip/10.100.0.1"),
        ({"kind": "drain", "target": "director"}, 409, "--force"),
    ],
)
async def test_what_is_no_wish_is_refused_and_changes_nothing(tmp_path, changes, code, word):
    host = FakeDirector(tmp_path)
    async with served(host) as controller:
        found, answer = await asked(host, "POST", "/v1/intents", pin(**changes))
        assert found == code
        assert word in answer["error"]
        assert controller.intents.standing == []


async def test_no_json_is_refused(tmp_path):
    host = FakeDirector(tmp_path)
    async with served(host):
        for method in ("POST", "DELETE"):
            assert (await asked(host, method, "/v1/intents", None))[0] == 400


async def test_a_pin_that_cannot_be_recorded_is_refused_and_says_why(tmp_path):
    host = FakeDirector(tmp_path)
    async with served(host) as controller:
        (tmp_path / "state" / "intents.jsonl").mkdir(parents=True)
        code, answer = await asked(host, "POST", "/v1/intents", pin())
        assert code == 507
        assert "nothing was changed" in answer["error"]
        assert controller.store.in_force.pins == {}


async def test_the_status_names_what_is_not_probed_at_the_member_too(tmp_path):
    host = FakeDirector(tmp_path)
    async with served(host) as controller:
        [probe] = [key for key in host.engine.probes if str(key.endpoint) == MEMBER]
        host.engine.unprobed = lambda: {probe: "not probed since 03:04:05: ENOENT /ca.pem"}
        told = await status(controller)
        assert told.unprobed == (f"{MEMBER} (tcp): not probed since 03:04:05: ENOENT /ca.pem",)
        [service] = told.vips[0].services
        warnings = {str(member.member): member.warning for member in service.members}
        assert warnings.pop(MEMBER) == "not probed since 03:04:05: ENOENT /ca.pem"
        assert set(warnings.values()) == {""}
        text = exposition(told).decode()
    assert "clusterlb_check_unprobed 1.0" in text
    assert f'clusterlb_member_warning{{member="{MEMBER}",service="tcp 10.100.0.1:80"}} 1.0' in text


async def test_metrics_have_what_the_checks_say(tmp_path):
    host = FakeDirector(tmp_path)
    async with served(host) as controller:
        host.engine.stats = EngineStatus(alive=True, probes=3, started=9, lag_buckets=(9, *[0] * 12))
        change_health(controller.store, filled={"conntrack": 12.5})
        text = exposition(await status(controller)).decode()
    for line in (
        "clusterlb_check_engine_up 1.0",
        "clusterlb_check_started_total 9.0",
        'clusterlb_check_lag_seconds_bucket{le="0.001"} 9.0',
        'clusterlb_check_lag_seconds_bucket{le="+Inf"} 9.0',
        'clusterlb_pool_fit{pool="web"} 1.0',
        'clusterlb_intents{kind="drain"} 0.0',
        'clusterlb_pool_up{pool="web"} 3.0',
        'clusterlb_table_filled_ratio{table="conntrack"} 0.125',
        f'clusterlb_member_pinned{{member="{MEMBER}",service="tcp 10.100.0.1:80"}} 0.0',
    ):
        assert line in text
