from forwarding_inventories import FULLNAT, every_method, only

from clusterlb.core.nft.hairpin import SEEN, explain, hairpin
from clusterlb.model.rules import NO_RULES


def test_members_and_the_vips_of_their_own_pools_are_watched():
    pairs = hairpin(every_method()).sets["harmful4"].elements
    assert ("10.2.0.101", "10.100.0.1") in pairs
    assert ("10.2.0.101", "10.100.0.3") in pairs
    assert not any(vip == str(FULLNAT) for _, vip in pairs)


def test_full_nat_alone_needs_no_watch():
    assert hairpin(only(every_method(), FULLNAT)) == NO_RULES


def test_the_kernels_own_sets_have_the_names_that_are_asked_for():
    text = hairpin(every_method()).chains
    assert all(f"set {name} {{" in text for name in SEEN)


def test_it_is_said_what_helps():
    assert "forwarding: fullnat" in explain(every_method(), ("10.2.0.101", "10.100.0.3"))
    assert "clusterlb generate realserver 10.2.0.101" in explain(every_method(), ("10.2.0.101", "10.100.0.1"))
