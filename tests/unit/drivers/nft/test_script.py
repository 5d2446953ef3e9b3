import pytest

from clusterlb.drivers.nft import script
from clusterlb.model.rules import NO_RULES, NamedSet, Rules, SetChange

CHAINS = "  chain a {\n    accept\n  }\n"


def test_a_table_is_put_in_the_place_of_ours_and_of_no_other():
    rules = Rules(
        CHAINS,
        {
            "marks": NamedSet(
                "ipv4_addr . inet_service",
                "mark",
                interval=True,
                elements={("10.0.0.1", "80-90"): "0x00000001"},
            ),
            "buckets": NamedSet("typeof symhash mod 4", "mark"),
        },
    )
    assert script.load(rules) == (
        "table inet clusterlb\n"
        "delete table inet clusterlb\n"
        "table inet clusterlb {\n"
        "  map marks {\n"
        "    type ipv4_addr . inet_service : mark\n"
        "    flags interval\n"
        "    elements = {\n"
        "10.0.0.1 . 80-90 : 0x00000001\n"
        "}\n"
        "  }\n"
        "  map buckets {\n"
        "    typeof symhash mod 4 : mark\n"
        "  }\n"
        "  chain a {\n"
        "    accept\n"
        "  }\n"
        "\n"
        "  chain loaded {\n"
        "  }\n"
        "}\n"
    )


def test_no_rules_take_the_table_away():
    assert script.load(NO_RULES) == "table inet clusterlb\ndelete table inet clusterlb\n"


def test_what_was_read_has_no_text_to_load():
    with pytest.raises(ValueError, match="read"):
        script.load(Rules(digest=Rules(CHAINS).digest))


def test_a_key_with_a_new_value_goes_before_it_comes():
    changes = (
        SetChange("marks", {("1",): "0x00000002", ("3",): "0x00000003"}, (("1",), ("2",))),
        SetChange("ports", {("80",): ""}),
        SetChange("same"),
    )
    assert script.change(changes) == (
        "delete element inet clusterlb marks {\n1,\n2\n}\n"
        "add element inet clusterlb marks {\n1 : 0x00000002,\n3 : 0x00000003\n}\n"
        "add element inet clusterlb ports {\n80\n}\n"
    )


def test_no_changes_are_no_script():
    assert script.change(()) == ""


def test_a_seal_fits_into_a_comment():
    comment = script.seal(Rules(CHAINS).digest, "f" * 32).split('"')[1]
    assert len(comment) < 128  # NFTNL_UDATA_COMMENT_MAXLEN
