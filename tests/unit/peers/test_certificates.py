"""The certificates of a lab: an authority, and what it signs."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from clusterlb.peers import certificates
from clusterlb.peers.certificates import CertificatesError, make_certificates
from clusterlb.peers.credentials import Credentials, names_in


def test_each_director_has_a_certificate_that_only_its_owner_reads(tmp_path):
    folder = tmp_path / "made" / "certs"
    written = make_certificates(folder, "lab", ["d1", "d2"], 30)
    assert {path.name for path in written} == {
        "authority.key", "authority.pem", "d1.key", "d1.pem", "d2.key", "d2.pem",
    }  # fmt: skip
    assert {path.name for path in folder.iterdir()} == {path.name for path in written}
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    found = x509.load_pem_x509_certificate((folder / "d1.pem").read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["d1"]
    assert (found.not_valid_after_utc - found.not_valid_before_utc).days == 30
    for director in ("d1", "d2"):
        credentials = Credentials(
            folder / "authority.pem", folder / f"{director}.pem", folder / f"{director}.key"
        )
        assert credentials.server().verify_mode is ssl.CERT_REQUIRED
        assert credentials.client().check_hostname


def test_the_authority_stays_and_signs_again(tmp_path):
    make_certificates(tmp_path, "lab", ["d1", "d2"], 30)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    written = make_certificates(tmp_path, "lab", ["d2", "d3"], 30)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {path.name for path in written} == {"d2.key", "d2.pem", "d3.key", "d3.pem"}
    kept = ("authority.key", "authority.pem", "d1.key", "d1.pem")
    assert all(after[name] == before[name] for name in kept)
    assert after["d2.pem"] != before["d2.pem"]


@pytest.mark.parametrize("lost", ["authority.key", "authority.pem"])
def test_half_an_authority_is_never_replaced(tmp_path, lost):
    make_certificates(tmp_path, "lab", ["d1"], 30)
    (tmp_path / lost).unlink()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(CertificatesError, match=lost):
        make_certificates(tmp_path, "lab", ["d1"], 30)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("content", ["nonsense", "another key"])
def test_an_authority_that_cannot_sign_is_an_error(tmp_path, content):
    make_certificates(tmp_path, "lab", ["d1"], 30)
    key = tmp_path / "authority.key"
    key.write_bytes((tmp_path / "d1.key").read_bytes() if content == "another key" else b"nonsense")
    with pytest.raises(CertificatesError, match="authority"):
        make_certificates(tmp_path, "lab", ["d1"], 30)


def test_no_director_takes_the_authoritys_files(tmp_path):
    with pytest.raises(CertificatesError, match="called authority"):
        make_certificates(tmp_path, "lab", ["authority"], 30)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path, monkeypatch):
    make_certificates(tmp_path, "lab", ["d1"], 30)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(certificates.os, "fsync", full)
    with pytest.raises(CertificatesError, match="No space left on device"):
        make_certificates(tmp_path, "lab", ["d1"], 30)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_named():
    with pytest.raises(CertificatesError, match="/proc/nowhere"):
        make_certificates(Path("/proc/nowhere"), "lab", ["d1"], 30)


def test_only_dns_names_count():
    assert names_in({"subjectAltName": (("DNS", "d1"), ("IP Address", "10.0.0.1"))}) == {"d1"}
    assert names_in({}) == names_in(None) == frozenset()
