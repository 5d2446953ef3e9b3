"""Patterns of lines in configurations with blocks: OSPFv2 on NX-OS, EOS, SONiC and FRR, and FRR's OSPFv3."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from clusterlb.audit.nest import Row
from clusterlb.audit.view import Section, Setting, area_text

Words = tuple[tuple[str, Setting, str], ...]

_TIMERS: Words = (
    (r"{ip} cost (\d+)", Setting.COST, ""),
    (r"{ip} network (\S+)(?: non-broadcast| delay-reflood)?", Setting.NETWORK, ""),
    (r"{ip} priority (\d+)", Setting.PRIORITY, ""),
    (r"{ip} hello-interval (\d+)", Setting.HELLO, ""),
    (r"{ip} dead-interval (\d+)", Setting.DEAD, ""),
    (r"{ip} retransmit-interval (\d+)", Setting.RETRANSMIT, ""),
    (r"{ip} passive(?:-interface)?", Setting.PASSIVE, "yes"),
    (r"no {ip} passive(?:-interface)?", Setting.PASSIVE, "no"),
    (r"(?:{ip} )?(?:shutdown|disabled)", Setting.OFF, "yes"),
    (r"no (?:{ip} )?(?:shutdown|disabled)", Setting.OFF, "no"),
    (r"{ip} (?:neighbor )?bfd(?: profile \S+| \d+ \d+ \d+)?", Setting.BFD, "yes"),
    (r"{ip} (?:neighbor )?bfd disable|no {ip} (?:neighbor )?bfd", Setting.BFD, "no"),
    (r"{ip} bfd \d+ \d+ (\d+)", Setting.BFD_TX, ""),
    (r"{ip} bfd \d+ (\d+) \d+", Setting.BFD_RX, ""),
    (r"{ip} bfd (\d+) \d+ \d+", Setting.BFD_MULTIPLIER, ""),
)
_INTERVALS: Words = (
    (r"{bfd}interval (\d+) min.*", Setting.BFD_TX, ""),
    (r"{bfd}interval \d+ min[_-]rx (\d+) .*", Setting.BFD_RX, ""),
    (r"{bfd}interval .* multiplier (\d+)(?: default)?", Setting.BFD_MULTIPLIER, ""),
)


def _with(words: Words, name: str, spelt: str) -> Words:
    return tuple((pattern.replace(name, spelt), setting, meaning) for pattern, setting, meaning in words)


PORT: Words = (
    (r"ip ospf (?:\S+ )?area (\S+)", Setting.AREA, ""),
    (r"ip router ospf \S+ area (\S+)(?: secondaries none)?", Setting.AREA, ""),
    *_with(_TIMERS, "{ip}", "ip ospf"),
    (r"ip ospf dead-interval minimal hello-multiplier \d+", Setting.DEAD, "1"),
    (r"ip ospf dead-interval (minimal hello-multiplier \d+)", Setting.HELLO, ""),
    *_with(_INTERVALS, "{bfd}", "bfd (?:ipv4 )?"),
    (r"ip ospf authentication message-digest", Setting.AUTHENTICATION, "md5"),
    (r"ip ospf authentication key-chain \S+", Setting.AUTHENTICATION, "chain"),
    (r"ip ospf authentication null", Setting.AUTHENTICATION, "none"),
    (r"ip ospf authentication", Setting.AUTHENTICATION, "other"),
    (r"ip ospf message-digest-key (.+)", Setting.KEY, ""),
)
PORT6: Words = (
    (r"ipv6 ospf6 area (\S+)", Setting.AREA, ""),
    *_with(_TIMERS, "{ip}", "ipv6 ospf6"),
    (r"ipv6 ospf6 authentication keychain \S+", Setting.AUTHENTICATION, "chain"),
    (r"ipv6 ospf6 authentication (?!keychain).+", Setting.AUTHENTICATION, "other"),
)
PROCESS: Words = (
    (r"maximum-paths (\d+)", Setting.MAX_PATHS, ""),
    (r"timers lsa(?: |-)(?:min-arrival|arrival|rx min interval) (\d+)", Setting.LSA_ARRIVAL, ""),
    (r"timers (?:throttle spf|spf delay initial) (\d+) \d+ \d+", Setting.SPF_DELAY, ""),
    (r"timers (?:throttle spf|spf delay initial) \d+ \d+ (\d+)", Setting.SPF_MAX, ""),
    (r"bfd(?: default| all-interfaces)?", Setting.BFD, "yes"),
    (r"passive-interface default", Setting.PASSIVE, "yes"),
    (r"shutdown", Setting.OFF, "yes"),
    (r"no shutdown", Setting.OFF, "no"),
    (r"graceful-restart helper enable|graceful-restart-helper", Setting.HELPER, "yes"),
    (r"graceful-restart helper-disable|no graceful-restart(?:-helper| helper enable)?", Setting.HELPER, "no"),
)
PROFILE: Words = (
    (r"transmit-interval (\d+)", Setting.BFD_TX, ""),
    (r"receive-interval (\d+)", Setting.BFD_RX, ""),
    (r"detect-multiplier (\d+)", Setting.BFD_MULTIPLIER, ""),
    *_with(_INTERVALS, "{bfd}", "(?:bfd (?:ipv4 )?)?"),
)
RESILIENT: Words = (
    (r"hardware profile ecmp resilient|ip hardware fib ecmp resilience .+", Setting.RESILIENT, "yes"),
)
# the first words of a pattern: `no` with these words alone removes the statement
_BEGINS = re.compile(r"[\w-]+(?: [\w-]+)*")
# FRR accepts the interface's address at the end of an interface's OSPF line
_FOR_ADDRESS = re.compile(r"(ip ospf .+) \d+\.\d+\.\d+\.\d+")


def fill(section: Section, rows: Sequence[Row], words: Words) -> None:
    """Add the settings of lines to a section; ignore lines that no pattern in ``words`` matches."""
    for number, row in rows:
        if _say(section, row, number, words):
            continue
        if match := _FOR_ADDRESS.fullmatch(row):
            _say(section, match[1], number, words)
        elif row.startswith("no "):
            _take_back(section, row[3:], words)


def _say(section: Section, text: str, number: int, words: Words) -> bool:
    said = False
    for pattern, setting, meaning in words:
        if match := re.fullmatch(pattern, text):
            spell = _SPELLING.get(setting, str)
            section.put(setting, spell(meaning or match[1]), number)
            said = True
    return said


def _take_back(section: Section, text: str, words: Words) -> None:
    for pattern, setting, _ in words:
        begins = _BEGINS.match(pattern)
        if begins and (re.fullmatch(pattern, text) or text == begins[0].strip()):
            section.values.pop(setting, None)


def _key(text: str) -> str:
    """Write a key's line as its number and the key, or a star for an encrypted key."""
    match = re.fullmatch(r"(\d+) md5 (?:(\d+) )?(\S+)(?: \d+\.\d+\.\d+\.\d+)?", text)
    if not match:
        return text
    return f"{match[1]} {match[3] if match[2] in {None, '0'} else '*'}"


_SPELLING: dict[Setting, Callable[[str], str]] = {
    Setting.AREA: area_text,
    Setting.KEY: _key,
    Setting.NETWORK: lambda text: text.replace("point-to-multipoint-nbma", "non-broadcast"),
    Setting.HELLO: lambda text: text.replace("minimal hello-multiplier ", "1/"),
}
