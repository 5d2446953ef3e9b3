"""Warn if systemd-networkd removes routes and rules of other programs, as it does by default.

networkd.conf(5): with ``ManageForeignRoutingPolicyRules=`` (systemd 249) and ``ManageForeignRoutes=`` (246),
true by default, networkd removes rules and routes of all protocols but the kernel's, FRR's routes too, when
it starts or reloads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from configparser import ConfigParser, Error
from pathlib import Path

_RUNS = "run/systemd/netif/state"  # exists from networkd's first start after a boot
_FOLDERS = (
    "etc/systemd",
    "run/systemd",
    "usr/local/lib/systemd",
    "usr/lib/systemd",
)  # highest priority first
_FILE = "networkd.conf"
_NO = {"no", "false", "off", "0", "n", "f"}  # parse_boolean(), src/basic/parse-util.c
_RULES, _ROUTES = "ManageForeignRoutingPolicyRules", "ManageForeignRoutes"
_SETTINGS = {
    _RULES: "the policy rules of SNAT pools",
    _ROUTES: "the routes of FRR and of clusterlb",
}


def takes_away(*, rules: bool, root: Path = Path("/")) -> str:
    """Return a warning with the lines to configure; empty if networkd does not run or has the lines.

    ``rules``: whether this director has policy rules.
    """
    if not (root / _RUNS).exists():
        return ""
    configured = settings(root)
    needed = _SETTINGS if rules else {_ROUTES: _SETTINGS[_ROUTES]}
    wrong = [name for name in needed if configured.get(name.lower(), "yes").lower() not in _NO]
    if not wrong:
        return ""
    lost = " and ".join(_SETTINGS[name] for name in wrong)
    lines = "\\n".join(["[Network]", *(f"{name}=no" for name in wrong)])
    file = "/etc/systemd/networkd.conf.d/clusterlb.conf"
    return (
        f"systemd-networkd removes {lost} whenever it starts or reloads; they come back at once, and packets "
        f"are lost meanwhile. Configure it: mkdir -p {Path(file).parent}; printf '{lines}\\n' > {file}; "
        "systemctl restart systemd-networkd"
    )


def settings(root: Path) -> Mapping[str, str]:
    """Return section ``[Network]`` of networkd.conf and its drop-ins, with names in lower case.

    A file that cannot be read or parsed is ignored.
    """
    read: dict[str, str] = {}
    for file in _files(root):
        parser = ConfigParser(strict=False, interpolation=None, allow_no_value=True, delimiters=("=",))
        try:
            parser.read_string(file.read_text(encoding="utf-8", errors="replace"))
        except (OSError, Error):
            continue
        if parser.has_section("Network"):
            read |= {name: (value or "").strip() for name, value in parser.items("Network")}
    return read


def _files(root: Path) -> Iterator[Path]:
    """Yield the file and its drop-ins in the order in which they are read (systemd.conf.d(5))."""
    mains = (root / folder / _FILE for folder in _FOLDERS)
    yield from [main for main in mains if main.is_file()][:1]
    dropped: dict[str, Path] = {}
    for folder in reversed(_FOLDERS):
        dropped |= {file.name: file for file in (root / folder / f"{_FILE}.d").glob("*.conf")}
    yield from (dropped[name] for name in sorted(dropped))
