"""The local CA makes certificates that a client who trusts it accepts."""

from __future__ import annotations

import contextlib
import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from core.clock import DAY, SystemClock
from core.errors import BadConfig
from kydai import tls
from tests.killing import killed_at_each_step

NOW = SystemClock().now()


def names(path: Path) -> set[str]:
    san = x509.load_pem_x509_certificate(path.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    return {*san.value.get_values_for_type(x509.DNSName), *map(str, san.value.get_values_for_type(x509.IPAddress))}


def test_a_client_that_trusts_the_ca_can_speak_to_the_server(tmp_path: Path) -> None:
    identity = tls.local(tmp_path, ["192.0.2.10", "kydai.example"], NOW)
    assert {"192.0.2.10", "kydai.example", "localhost"} <= names(identity.certificate)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(identity.certificate, identity.key)
    client = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    in_c, out_c, in_s, out_s = (ssl.MemoryBIO() for _ in range(4))
    c = client.wrap_bio(in_c, out_c, server_hostname="192.0.2.10")
    s = server.wrap_bio(in_s, out_s, server_side=True)
    for _ in range(5):
        for side, out, into in ((c, out_c, in_s), (s, out_s, in_c)):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            into.write(out.read())
    assert c.version() == "TLSv1.3"


def test_it_is_kept_until_a_name_is_new_or_it_is_about_to_end(tmp_path: Path) -> None:
    first = tls.local(tmp_path, ["a.example"], NOW)
    before = first.certificate.read_bytes()
    assert tls.local(tmp_path, ["a.example"], NOW + 300 * DAY).certificate.read_bytes() == before
    again = tls.local(tmp_path, ["b.example"], NOW)
    assert again.certificate.read_bytes() != before
    assert again.fingerprint == first.fingerprint
    renewed = tls.local(tmp_path, ["b.example"], NOW + 380 * DAY)
    cert = x509.load_pem_x509_certificate(renewed.certificate.read_bytes())
    assert cert.not_valid_after_utc > datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=700)
    assert (tmp_path / "ca.key").stat().st_mode & 0o077 == 0


def test_a_key_that_does_not_belong_is_refused(tmp_path: Path) -> None:
    one, other = tls.local(tmp_path / "1", ["a"], NOW), tls.local(tmp_path / "2", ["a"], NOW)
    assert tls.own(one.certificate, one.key).fingerprint is None
    with pytest.raises(BadConfig, match="does not belong"):
        tls.own(one.certificate, other.key)
    with pytest.raises(BadConfig, match="cannot be read"):
        tls.own(tmp_path / "none.pem", one.key)


def test_a_renewal_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    first = tls.local(tmp_path, ["a.example"], NOW)
    other = tls.local(tmp_path / "other", ["a.example"], NOW)
    for left in (other.key.read_bytes(), b""):
        first.key.write_bytes(left)
        again = tls.local(tmp_path, ["a.example"], NOW)
        assert tls.own(again.certificate, again.key)
        assert again.fingerprint == first.fingerprint


def test_a_kill_leaves_the_old_certificate_or_the_new_one_with_its_key(tmp_path: Path) -> None:
    one, other = tls.local(tmp_path / "1", ["a"], NOW), tls.local(tmp_path / "2", ["a"], NOW)
    folder = tmp_path / "tls"
    own = folder / tls.OWN
    tls.use(one.certificate, one.key, folder)
    server, seen = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), set()
    for _ in killed_at_each_step(lambda: tls.use(other.certificate, other.key, folder)):
        server.load_cert_chain(own, own)  # raises when they do not belong together
        seen.add(own.read_bytes().startswith(other.certificate.read_bytes()))
    assert seen == {False, True}
    assert own.read_bytes().startswith(other.certificate.read_bytes())
