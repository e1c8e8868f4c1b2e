"""The local CA makes certificates that a client who trusts it accepts."""

from __future__ import annotations

import contextlib
import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.clock import DAY, SECOND, SystemClock, from_micros
from core.errors import BadConfig, Refused
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
    tls.use(one.certificate, one.key, folder, NOW)
    server, seen = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), set()
    for _ in killed_at_each_step(lambda: tls.use(other.certificate, other.key, folder, NOW)):
        server.load_cert_chain(own, own)  # raises when they do not belong together
        seen.add(own.read_bytes().startswith(other.certificate.read_bytes()))
    assert seen == {False, True}
    assert own.read_bytes().startswith(other.certificate.read_bytes())


def signed(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, *, names: list[str], days: int = 10) -> Path:
    """A certificate that a site might bring, in force for ``days`` from a day ago."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    since = from_micros(NOW) - datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(since)
        .not_valid_after(since + datetime.timedelta(days=days))
    )  # fmt: skip
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    file = folder / f"{name}.pem"
    file.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return file


def private(folder: Path, password: bytes | None = None) -> tuple[Path, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    file = folder / ("locked.key" if password else "site.key")
    kind = serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, lock))
    return file, key


def test_what_browsers_would_refuse_is_refused_with_what_mends_it(tmp_path: Path) -> None:
    file, key = private(tmp_path)
    locked, locked_key = private(tmp_path, b"secret")
    bare = signed(tmp_path, "bare", key, names=[])
    good = signed(tmp_path, "good", key, names=["siem.example.vn"])
    over = signed(tmp_path, "over", key, names=["siem.example.vn"], days=1)
    behind = tmp_path / "behind.pem"
    behind.write_bytes(signed(tmp_path, "ca", locked_key, names=["ca"]).read_bytes() + good.read_bytes())
    for certificate, its_key, says in (
        (bare, file, "subjectAltName"),
        (good, locked, "openssl pkey"),
        (behind, file, "server's own certificate first"),
        (over, file, "in force from"),
        (file, file, "openssl pkcs12"),
    ):
        with pytest.raises(BadConfig) as caught:
            tls.use(certificate, its_key, tmp_path / "tls", NOW)
        assert says in caught.value.told("en"), certificate
    assert not (tmp_path / "tls" / tls.OWN).exists()
    tls.use(good, file, tmp_path / "tls", NOW)
    assert tls.ends(tmp_path / "tls" / tls.OWN) == pytest.approx(NOW + 9 * DAY, abs=SECOND)


def test_a_star_stands_for_one_label() -> None:
    names = {"*.example.vn", "192.0.2.1"}
    assert tls.is_for(names, "siem.example.vn") and tls.is_for(names, "192.0.2.1")
    assert not any(tls.is_for(names, host) for host in ("a.siem.example.vn", "example.vn", "192.0.2.2"))


def test_a_new_certificate_is_for_what_the_last_one_was_for_and_a_new_ca_is_another(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no certificate"):
        tls.renew(tmp_path, [], NOW)
    first = tls.local(tmp_path, ["192.0.2.10"], NOW)
    before = first.certificate.read_bytes()
    again = tls.renew(tmp_path, ["siem.example.vn"], NOW)
    assert again.certificate.read_bytes() != before
    assert {"192.0.2.10", "siem.example.vn"} <= names(again.certificate)
    assert again.fingerprint == first.fingerprint
    assert tls.renew(tmp_path, [], NOW, ca=True).fingerprint != first.fingerprint
    tls.own(tmp_path / tls.SERVER, tmp_path / tls.KEY)


def test_a_kill_while_the_ca_is_made_anew_leaves_what_can_be_used_at_the_next_start(tmp_path: Path) -> None:
    tls.local(tmp_path, ["a"], NOW)
    for _ in killed_at_each_step(lambda: tls.renew(tmp_path, [], NOW, ca=True)):
        made = tls.local(tmp_path, ["a"], NOW)
        ca = x509.load_pem_x509_certificate((tmp_path / tls.CA).read_bytes())
        x509.load_pem_x509_certificates(made.certificate.read_bytes())[0].verify_directly_issued_by(ca)
        tls.own(made.certificate, made.key)


def test_a_name_that_no_certificate_can_hold_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="no name or address of a host"):
        tls.local(tmp_path, ["a" * 70 + ".vn"], NOW)
    made = tls.local(tmp_path, ["máy-chủ.vn"], NOW)
    assert "xn--my-ch-xqa0294c.vn" in names(made.certificate)
    before = made.certificate.read_bytes()
    assert tls.local(tmp_path, ["máy-chủ.vn"], NOW).certificate.read_bytes() == before
