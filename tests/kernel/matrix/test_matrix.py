"""Every forwarding method over IPv4 and IPv6, TCP and UDP, through four directors at once."""

import pytest

pytestmark = pytest.mark.kernel

SHARE = 10  # of 200 connections each of four directors gets 50, give or take 6


def test_every_connection_is_answered(case, matrix):
    lost = matrix.results[case].outcome.lost
    assert lost == 0, matrix.story(case)


def test_no_datagram_had_to_be_sent_again(udp_case, matrix):
    assert matrix.results[udp_case].outcome.repeated == 0, matrix.story(udp_case)


def test_the_real_servers_of_the_pool_answer_where_the_method_says(case, matrix):
    outcome = matrix.results[case].outcome
    assert set(outcome.servers) == {matrix.servers[address] for address, _ in case.members}, matrix.story(
        case
    )
    assert set(outcome.asked) == case.asked, matrix.story(case)


def test_the_real_servers_see_the_client_that_the_method_promises(case, matrix):
    outcome = matrix.results[case].outcome
    if case.way == "fullnat":
        assert set(outcome.clients) == matrix.local_addresses(case), matrix.story(case)
    else:
        assert outcome.kept == outcome.answered, matrix.story(case)
        assert set(outcome.clients) == set(matrix.sources(case)), matrix.story(case)


def test_every_director_takes_its_share(case, matrix):
    least = min(taken[case] for taken in matrix.taken.values())
    assert least >= SHARE, matrix.story(case)


def test_a_megabyte_goes_up_and_comes_down_in_packets_that_fit(tcp_case, matrix):
    result = matrix.results[tcp_case]
    for done in (result.upload, result.download):
        assert not done.error, f"{done}, through {matrix.way_of(tcp_case, done.client)}"
        assert done.mtu <= 1500
    packet = result.upload.mss + {4: 20, 6: 40}[tcp_case.version] + 32  # TCP's header and its timestamps
    assert packet <= tcp_case.room, f"{result.upload}: packets of {packet}"


def test_a_client_learns_the_path_mtu_from_a_directors_icmp(tunnel_case, matrix):
    """Here no real server clamps the MSS, so that the client begins with packets too large for the tunnel."""
    done = matrix.unclamped[tunnel_case].upload
    assert not done.error, f"{done}, through {matrix.way_of(tunnel_case, done.client)}"
    assert done.mtu <= tunnel_case.room, f"{done}: it was told of no MTU of {tunnel_case.room}"


def test_no_connection_of_the_matrix_is_lost(matrix):
    lost = {str(case): result.lost for case, result in matrix.every if result.lost}
    assert not lost, lost
