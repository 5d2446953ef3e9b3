"""Random bytes never raise and never pass for what they are not."""

import dns.message
import dns.rrset
from hypothesis import given
from hypothesis import strategies as st
from probing import make_key

from clusterlb.checks.command import SHOWN, last_line
from clusterlb.checks.dns import DnsProbe
from clusterlb.checks.file import judge_number
from clusterlb.checks.icmp import IcmpProbe
from clusterlb.model.check import CheckType, DnsOptions, IcmpOptions

NUMBERS = st.from_regex(rb"[ \t\r\n]?[0-9]{1,4}[ \t\r\n]?", fullmatch=True)
MARK = "192.0.2.77"  # an answer record that random bytes do not hold


def dns_probe() -> tuple[DnsProbe, bytes]:
    probe = DnsProbe(make_key(CheckType.DNS, DnsOptions("www.example.test", "A", answer=f"^{MARK}$")))
    return probe, probe._request()


@given(st.binary(max_size=600), st.booleans())
def test_random_bytes_are_no_dns_answer(tail, own_id):
    probe, request = dns_probe()
    result = probe._judge(request[:2] + tail if own_id else tail, 0.1)
    assert result is None or not result.ok
    assert own_id is False or result is not None


@given(st.lists(st.tuples(st.integers(2, 200), st.binary(max_size=4)), max_size=6), st.integers(0, 300))
def test_a_damaged_answer_is_judged_and_never_passes_without_its_record(damage, length):
    probe, request = dns_probe()
    message = dns.message.make_response(dns.message.from_wire(request))
    message.answer.append(dns.rrset.from_text("www.example.test.", 60, "IN", "A", "192.0.2.1", "192.0.2.2"))
    wire = bytearray(message.to_wire())
    for at, new in damage:
        wire[at : at + len(new)] = new
    result = probe._judge(bytes(wire[: max(2, length)]), 0.1)
    assert result is not None
    assert not result.ok or bytes((192, 0, 2, 77)) in wire


@given(st.binary(max_size=200), st.booleans(), st.sampled_from(["192.0.2.1", "2001:db8::1"]))
def test_random_bytes_are_no_echo(packet, raw, address):
    probe = IcmpProbe(make_key(CheckType.ICMP, IcmpOptions(), address))
    probe._raw = raw
    probe._request()
    assert probe._judge(packet, 0.1) is None


@given(st.binary(max_size=80) | NUMBERS)
def test_a_file_passes_only_with_a_number_from_1_to_100(content):
    ok, detail, share = judge_number(content)
    assert detail
    if ok:
        assert share is not None
        assert 1 <= share <= 100
        assert content.split() == [content.strip()]
        assert int(content) == share
    else:
        assert share is None


@given(st.integers(-1000, 1000), st.sampled_from(["", " ", "\n", "\t\r\n"]))
def test_every_number_is_judged_by_its_value(value, blank):
    ok, _, share = judge_number(f"{blank}{value}{blank}".encode())
    assert (ok, share) == ((True, value) if 1 <= value <= 100 else (False, None))


@given(st.binary(max_size=5000))
def test_the_last_line_of_any_output_can_be_shown(output):
    line = last_line(output)
    assert len(line) <= SHOWN + len("...")
    assert line.isprintable()
