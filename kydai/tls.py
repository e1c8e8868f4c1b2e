"""TLS off loopback: a local CA made at the first start, a certificate from it, or the site's own.

The CA's key stays in ``tls/`` of the data folder (mode 0600). People trust the CA once, by the fingerprint that is
printed; the server's certificate is renewed by itself before it ends.
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.clock import Micros, from_micros
from core.durable import make_folder, write_durably
from core.errors import BadConfig, Place, cause, failure

CA_DAYS = 3650
DAYS = 397
RENEW_DAYS = 30
OWN = "own.pem"
_CURVE = ec.SECP256R1()


@dataclass(frozen=True, slots=True)
class Identity:
    """What a server shows: its chain and key files, and the fingerprint of the CA to trust (None: not ours)."""

    certificate: Path
    key: Path
    fingerprint: str | None


def use(certificate: Path, key: Path, folder: Path) -> Identity:
    """Take the site's own certificate into ``folder``: chain and key in one file, replaced in one step. Raises
    BadConfig when they do not belong together."""
    own(certificate, key)
    chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    make_folder(folder, mode=0o700)
    both = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain) + _key_bytes(private)
    write_durably(folder / OWN, both, mode=0o600)
    return own(folder / OWN, folder / OWN)


def own(certificate: Path, key: Path) -> Identity:
    """The site's own certificate. Raises BadConfig when the files do not belong together."""
    try:
        cert = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise failure(BadConfig, "start.certificate", place=Place(str(certificate)), why=cause(error)) from error
    if _spki(cert.public_key()) != _spki(private.public_key()):
        raise failure(BadConfig, "start.wrong_key", place=Place(str(key)))
    return Identity(certificate, key, None)


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def local(folder: Path, names: list[str], now: Micros) -> Identity:
    """A certificate of the local CA for these names and addresses; made or renewed when needed."""
    make_folder(folder, mode=0o700)
    moment = from_micros(now)
    ca_cert, ca_key = _authority(folder, moment)
    certificate, key = folder / "server.pem", folder / "server.key"
    wanted = sorted({*names, "localhost", "127.0.0.1", socket.gethostname()} - {"0.0.0.0", "::", ""})  # noqa: S104 - left out
    if not _serves(certificate, key, wanted, ca_cert, moment):
        _issue(certificate, key, wanted, ca_cert, ca_key, moment)
    return Identity(certificate, key, fingerprint(ca_cert))


def fingerprint(cert: x509.Certificate) -> str:
    """SHA-256 over the DER, in pairs: ``AB:CD:…``."""
    return cert.fingerprint(hashes.SHA256()).hex(":").upper()


def _authority(folder: Path, moment: datetime.datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    cert_path, key_path = folder / "ca.pem", folder / "ca.key"
    if cert_path.is_file() and key_path.is_file():
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return x509.load_pem_x509_certificate(cert_path.read_bytes()), key
    key = ec.generate_private_key(_CURVE)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Ky Dai local CA ({socket.gethostname()[:30]})")])
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - datetime.timedelta(hours=1))
        .not_valid_after(moment + datetime.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_durably(key_path, _key_bytes(key), mode=0o600)
    write_durably(cert_path, cert.public_bytes(serialization.Encoding.PEM), mode=0o600)
    return cert, key


def _serves(certificate: Path, key: Path, wanted: list[str], ca: x509.Certificate, moment: datetime.datetime) -> bool:
    try:
        own(certificate, key)  # a renewal may have been cut off between the two files
    except BadConfig:
        return False
    cert = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    have = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    left = cert.not_valid_after_utc - moment
    return set(wanted) <= have and cert.issuer == ca.subject and left > datetime.timedelta(days=RENEW_DAYS)


def _issue(
    certificate: Path,
    key_path: Path,
    names: list[str],
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    moment: datetime.datetime,
) -> None:
    key = ec.generate_private_key(_CURVE)
    cert = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ky Dai")]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - datetime.timedelta(hours=1))
        .not_valid_after(moment + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([_name(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    write_durably(key_path, _key_bytes(key), mode=0o600)
    pem = serialization.Encoding.PEM
    write_durably(certificate, cert.public_bytes(pem) + ca.public_bytes(pem), mode=0o600)


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _key_bytes(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
