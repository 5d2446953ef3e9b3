"""Targets and their texts."""

from __future__ import annotations

import pytest

from clusterlb.model.intent import IntentKind, target_of
from clusterlb.model.target import MemberTarget, arguments, parse_member, parse_target

TEXTS = ["director", "vip/10.100.0.1", "vip/2001:db8::1", "pool/web", "member/web/10.2.0.1:80"]


@pytest.mark.parametrize("text", [*TEXTS, "member/web/[2001:db8::1]:443", "member/member/10.2.0.1:0"])
def test_a_target_is_named_as_it_is_read(text: str) -> None:
    assert str(parse_target(text)) == text


@pytest.mark.parametrize("pool", ["web", "member", "directors"])
def test_the_kind_of_a_pinned_member_may_be_left_out(pool: str) -> None:
    text = f"{pool}/10.2.0.1:80"
    assert target_of(IntentKind.PIN, text) == parse_member(text)
    assert target_of(IntentKind.PIN, f"member/{text}") == parse_member(text)
    with pytest.raises(ValueError, match=r"."):
        target_of(IntentKind.DRAIN, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "member/web/[10.2.0.1]:80",
        "everything",
        "director/d1",
        "vip/nonsense",
        "vip/",
        "pool/",
        "member/web",
        "member/10.2.0.1:80",
        "web/10.2.0.1:80",
        "web/10.2.0.1",
        "web/10.2.0.1:65536",
        "web/10.2.0.1:-1",
        "web/[10.2.0.1]:80",
        "web/2001:db8::1:80",
        "/10.2.0.1:80",
        "web/10.2.0.1:٣",
    ],
)
def test_anything_else_is_no_target(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_target(text)


def test_an_operator_types_the_kind_and_the_name() -> None:
    target = parse_target("member/web/10.2.0.1:80")
    assert isinstance(target, MemberTarget)
    assert arguments(target) == "member web/10.2.0.1:80"


def test_a_member_has_a_pool() -> None:
    with pytest.raises(ValueError, match="names no pool"):
        parse_member("/10.2.0.1:80")
