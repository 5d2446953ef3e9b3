"""The contract of our nftables table on the kernel, in a namespace, and what only a kernel can show."""

import socket
from dataclasses import replace

import pytest
from forwarding_inventories import shared_member
from hypothesis import HealthCheck, given, settings
from nft_elements import named_sets

from clusterlb.core.nft.part import join
from clusterlb.core.nft.table import parts
from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.nft import driver, monitor
from clusterlb.drivers.nft.driver import KernelRules
from clusterlb.model.plan import ChangeSets, LoadRules
from clusterlb.model.rules import ALTERED, NO_RULES, Rules, SetChange
from tests.contract.rules_suite import KEY, RULES, WATCH, RulesSuite, go, loaded, with_elements
from tests.frr.conftest import InNamespace, sh

__all__ = ["loaded"]

FOREIGN = """table inet other {
	set marks {
		type ipv4_addr
		elements = { 10.100.0.1 }
	}

	chain classify {
		type filter hook input priority filter; policy accept;
		ip saddr @marks counter packets 7 bytes 8 drop
	}
}
table ip clusterlb {
	chain loaded {
		accept
	}
}
"""


class InNamespace(InNamespace):
    def _repr_pretty_(self, printer, cycle):
        printer.text("driver")

    def end(self):
        self._worker.shutdown()


@pytest.fixture
def host(routers):
    here = routers("a")
    sh("ip", "netns", "exec", here.name, "nft", "add", "table", "ip", "theirs")
    return here


def test_services_that_share_a_member_make_a_table_that_nft_takes(again):
    driver, inventory = again(), shared_member()
    (director, *_) = inventory.directors.values()
    driver.apply(LoadRules(join(parts(inventory, director))))
    assert driver.read().sets["replies_tcp4"].elements


@pytest.fixture
def again(host):
    made = []

    def make(*arguments):
        made.append(InNamespace(host.name, lambda: KernelRules(*arguments)))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture
def rules(again):
    return again()


@pytest.fixture
def nft(host):
    return lambda *words: sh("ip", "netns", "exec", host.name, "nft", *words)


@pytest.fixture
def alter(nft):
    return lambda: nft("add rule inet clusterlb mute accept")


@pytest.fixture
def counting(tmp_path, again):
    """Return a driver whose every run of nft adds its words to a file, and that file."""
    log, program = tmp_path / "log", tmp_path / "nft"
    log.touch()
    program.write_text(f'#!/bin/sh\necho "$*" >>{log}\nexec nft "$@"\n')
    program.chmod(0o755)
    return again(str(program)), log


class TestKernelRules(RulesSuite):
    """The contract alone."""


class TestOthers:
    def test_other_tables_stay(self, rules, nft, tmp_path):
        file = tmp_path / "foreign"
        file.write_text(FOREIGN)
        nft("-f", str(file))
        before = nft("list", "ruleset")
        rules.apply(LoadRules(RULES))
        rules.apply(ChangeSets((SetChange("marks", remove=(KEY,)),)))
        rules.check(NO_RULES)
        rules.apply(LoadRules(RULES))
        rules.apply(LoadRules(NO_RULES))
        assert nft("list", "ruleset") == before
        assert before.endswith(FOREIGN)

    @pytest.mark.parametrize(
        "words",
        [
            "insert rule inet clusterlb classify accept",
            "flush chain inet clusterlb mute",
            "add chain inet clusterlb more",
            "chain inet clusterlb classify { policy drop; }",
            "add set inet clusterlb more { type mark; }",
            "add set inet clusterlb more { type mark; size 9; flags dynamic; }",
            "add table inet clusterlb { flags dormant; }",
            "add rule inet clusterlb loaded accept",
            "flush chain inet clusterlb loaded",
            "delete set inet clusterlb links",
            "add counter inet clusterlb more",
        ],
    )
    def test_a_change_of_chains_or_definitions_is_seen_and_mended(self, loaded, nft, words):
        assert loaded.read() == RULES
        nft(words)
        assert loaded.read().digest == ALTERED
        assert [type(step) for step in go(loaded, RULES)] == [LoadRules]
        assert loaded.read() == RULES

    def test_an_element_is_seen_and_mended(self, loaded, nft):
        assert loaded.read() == RULES
        nft('add element inet clusterlb servers { 10.9.0.0-10.9.0.5 comment "mine, and yours" }')
        nft("delete element inet clusterlb marks { 10.100.0.1 . tcp . 80 }")
        found = loaded.read()
        assert ("10.9.0.0-10.9.0.5",) in found.sets["servers"].elements
        assert KEY not in found.sets["marks"].elements
        assert [type(step) for step in go(loaded, RULES)] == [ChangeSets]
        assert loaded.read() == RULES

    def test_a_table_that_is_gone(self, loaded, nft):
        assert loaded.read() == RULES
        nft("flush ruleset")
        assert loaded.read() == NO_RULES
        go(loaded, RULES)
        assert loaded.read() == RULES

    def test_a_table_saved_and_restored_is_ours_again(self, loaded, nft, tmp_path):
        saved = tmp_path / "saved"
        saved.write_text(nft("list", "ruleset"))
        nft("flush ruleset")
        nft("-f", str(saved))
        assert loaded.read() == RULES
        saved.write_text(saved.read_text().replace("rst drop", "rst accept"))
        nft("flush ruleset")
        nft("-f", str(saved))
        assert loaded.read().digest == ALTERED


class TestTraffic:
    def test_what_packets_count_and_add_is_no_change_and_is_seen(self, loaded, host, again, nft):
        loaded.watch(WATCH)
        loaded.apply(ChangeSets((SetChange("servers", {("127.0.0.0/8",): ""}),)))
        want = with_elements(RULES, "servers", {**RULES.sets["servers"].elements, ("127.0.0.0/8",): ""})
        talk = InNamespace(host.name, Talk)
        talk.send("127.0.0.1", "127.0.0.9")
        talk.end()
        assert loaded.seen("heard") == {("127.0.0.1", "127.0.0.9")}
        assert "127.0.0.1 . 127.0.0.9" in nft("list set inet clusterlb heard")
        assert loaded.read() == want
        assert again().read() == want
        loaded.watch(WATCH)
        assert loaded.seen("heard") == frozenset()
        loaded.watch(NO_RULES)
        assert "watch" not in nft("list tables")


class Talk:
    def send(self, source, target):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind((source, 0))
            udp.sendto(b"?", (target, 9))


class TestWhatItCosts:
    def test_nothing_is_listed_while_nothing_changes(self, counting):
        rules, log = counting
        assert rules.read() == NO_RULES
        once = log.read_text()
        assert rules.read() == NO_RULES
        assert log.read_text() == once
        rules.apply(LoadRules(RULES))
        assert rules.read() == RULES
        once = log.read_text()
        rules.read()
        assert log.read_text() == once

    def test_after_a_change_of_our_own_nothing_is_listed(self, counting, again):
        rules, log = counting
        rules.apply(LoadRules(RULES))
        rules.read()
        log.write_text("")
        want = with_elements(RULES, "marks", {KEY: "0x44000009"})
        go(rules, want)
        assert rules.read() == want == again().read()
        assert log.read_text() == "--file -\n"

    def test_after_a_refused_change_all_is_listed(self, counting, nft):
        rules, _ = counting
        rules.apply(LoadRules(RULES))
        rules.read()
        nft("add element inet clusterlb empty { 1 }")
        with pytest.raises(DriverError):
            rules.apply(ChangeSets((SetChange("marks", remove=(("1.2.3.4", "tcp", "80"),)),)))
        assert rules.read() == with_elements(RULES, "empty", {("1",): ""})

    def test_a_change_beside_ours_is_seen(self, counting, nft):
        rules, _ = counting
        rules.apply(LoadRules(RULES))
        rules.read()
        nft("add element inet clusterlb empty { 1 }")
        rules.apply(ChangeSets((SetChange("empty", {("2",): ""}),)))
        assert rules.read() == with_elements(RULES, "empty", {("1",): "", ("2",): ""})

    def test_the_number_rises_by_one_with_each_transaction(self, host, rules, nft):
        there = InNamespace(host.name, Generation)
        first = there.current()
        assert there.current() == first
        nft("add table ip x; add chain ip x y")
        assert there.current() == first + 1
        there.end()


class Generation:
    def current(self):
        return monitor.generation()


class TestTrouble:
    def test_a_load_that_ends_before_its_seal_is_done_again(self, rules, host, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(KernelRules, "_seal", lambda self, digest: None)
            rules.apply(LoadRules(RULES))
        assert rules.read().digest == ALTERED
        assert rules.read().sets.keys() == RULES.sets.keys()
        go(rules, RULES)
        assert rules.read() == RULES

    def test_a_mistake_is_quoted(self, rules):
        with pytest.raises(DriverError, match=r"unexpected semicolon.*'    ?'|at ';' of 'ip saddr foo bar;'"):
            rules.check(Rules("  chain a {\n    ip saddr foo bar;\n  }\n"))

    def test_a_bad_element_is_quoted(self, loaded):
        with pytest.raises(DriverError, match=r"No such file.*at '10.9.9.9 \. tcp \. 80' of '10.9.9.9"):
            loaded.apply(ChangeSets((SetChange("marks", remove=(KEY, ("10.9.9.9", "tcp", "80"))),)))

    def test_a_module_that_the_kernel_lacks_is_named(self, rules):
        queues = Rules("  chain a {\n    ip saddr 10.0.0.1 queue num 3\n  }\n")
        try:
            rules.check(queues)
        except DriverError:
            with pytest.raises(DriverError, match="the kernel may lack nft_queue: modprobe nft_queue"):
                rules.check(queues)
        else:
            pytest.skip("this kernel has nft_queue")

    def test_where_nothing_was_ever_loaded_nft_is_not_asked(self, routers):
        rules = InNamespace(routers("b").name, lambda: KernelRules("/nonexistent/nft"))
        assert rules.read() == NO_RULES
        with pytest.raises(DriverError, match="install the package nftables"):
            rules.check(RULES)
        rules.end()

    def test_no_nft(self, again):
        rules = again("/nonexistent/nft")
        for call in (rules.read, lambda: rules.apply(LoadRules(RULES)), lambda: rules.seen("heard")):
            with pytest.raises(DriverError, match="install the package nftables"):
                call()

    def test_no_right(self, again, tmp_path):
        program = tmp_path / "nft"
        program.write_text('#!/bin/sh\nexec setpriv --reuid 65534 --clear-groups nft "$@"\n')
        program.chmod(0o755)
        tmp_path.chmod(0o755)
        rules = again(str(program))
        for call in (rules.read, lambda: rules.apply(LoadRules(RULES)), lambda: rules.seen("heard")):
            with pytest.raises(DriverError, match="CAP_NET_ADMIN"):
                call()

    def test_an_nft_that_hangs_is_ended(self, again, tmp_path, monkeypatch):
        program = tmp_path / "nft"
        program.write_text("#!/bin/sh\nexec sleep 1000\n")
        program.chmod(0o755)
        monkeypatch.setattr(driver, "_LIMIT", 0.1)
        with pytest.raises(DriverError, match=r"within 0\.1 s"):
            again(str(program)).read()

    @pytest.mark.parametrize("said", ["", "{}", '{"nftables": [{"set": {}}]}', '{"nftables": 3}'])
    def test_a_listing_of_another_kind_is_reported(self, again, tmp_path, said):
        program = tmp_path / "nft"
        program.write_text(f"#!/bin/sh\necho '{said}'\n")
        program.chmod(0o755)
        with pytest.raises(DriverError, match="unknown form"):
            again(str(program)).read()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=named_sets(), after=named_sets())
def test_whatever_is_loaded_or_changed_reads_back(rules, before, after):
    chains = "  chain a {\n    accept\n  }\n"
    kinds = {name: replace(each, elements={}) for name, each in {**after, **before}.items()}
    for elements in (before, after):
        want = Rules(chains, {name: elements.get(name, each) for name, each in kinds.items()})
        go(rules, want)
        assert rules.read() == want
    assert [type(step) for step in go(rules, NO_RULES)] == [LoadRules]
