"""TLS off loopback: a local CA made at the first start, a certificate from it, or the site's own.

The CA's key stays in ``tls/`` of the data folder (mode 0600). People trust the CA once, by the fingerprint that is
printed; the server's certificate is renewed by itself before it ends.
"""

from __future__ import annotations

import datetime
import fcntl
import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.clock import Micros, from_micros, micros
from core.durable import make_folder, write_durably
from core.errors import BadConfig, Place, Refused, cause, failure

CA_DAYS = 3650
DAYS = 397
RENEW_DAYS = 30
OWN = "own.pem"
SERVER = "server.pem"
KEY = "server.key"
CA = "ca.pem"
CA_KEY = "ca.key"
_CURVE = ec.SECP256R1()


@dataclass(frozen=True, slots=True)
class Identity:
    """What a server shows: its chain and key files, and the fingerprint of the CA to trust (None: not ours)."""

    certificate: Path
    key: Path
    fingerprint: str | None


def use(certificate: Path, key: Path, folder: Path, now: Micros) -> Identity:
    """Take the site's own certificate into ``folder``: chain and key in one file, replaced in one step. Another that is
    there is kept beside it, as by ``put_aside``. Raises BadConfig when they do not belong together, when it is for no
    name or not in force."""
    own(certificate, key)
    chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    moment = from_micros(now)
    if not chain[0].not_valid_before_utc <= moment < chain[0].not_valid_after_utc:
        term = {
            "since": f"{chain[0].not_valid_before_utc:%Y-%m-%d}",
            "until": f"{chain[0].not_valid_after_utc:%Y-%m-%d}",
        }
        raise failure(BadConfig, "tls.not_in_force", place=Place(str(certificate)), **term)
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    make_folder(folder, mode=0o700)
    both = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain) + _key_bytes(private)
    taken = folder / OWN
    if taken.is_file() and (before := taken.read_bytes()) != both:
        write_durably(_free(folder), before, mode=0o600)
    write_durably(taken, both, mode=0o600)
    return own(taken, taken)


def put_aside(folder: Path) -> Path:
    """Take the site's own certificate and key out of use; where they are kept (``own.pem.1``, ``.2`` …)."""
    kept = _free(folder)
    (folder / OWN).rename(kept)
    return kept


def _free(folder: Path) -> Path:
    return next(path for number in count(1) if not (path := folder / f"{OWN}.{number}").exists())


def own(certificate: Path, key: Path) -> Identity:
    """The site's own certificate. Raises BadConfig when the files do not belong together, or when it names no name or
    address: browsers and agents take no other."""
    file = certificate
    try:
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
        file = key
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except TypeError as error:
        raise failure(BadConfig, "tls.locked_key", place=Place(str(key))) from error
    except OSError as error:
        raise failure(BadConfig, "start.certificate", place=Place(str(file)), why=cause(error)) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise failure(BadConfig, "tls.no_pem", place=Place(str(file))) from error
    if _spki(chain[0].public_key()) != _spki(private.public_key()):
        fits = any(_spki(c.public_key()) == _spki(private.public_key()) for c in chain)
        raise failure(BadConfig, "tls.wrong_order" if fits else "start.wrong_key", place=Place(str(key)))
    if not names_of(chain[0]):
        raise failure(BadConfig, "tls.no_names", place=Place(str(certificate)))
    return Identity(certificate, key, None)


def names_of(cert: x509.Certificate) -> set[str]:
    """The names and addresses that it is for (subjectAltName)."""
    try:
        found = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))}


def is_for(names: set[str], host: str) -> bool:
    """Whether a certificate with these names is good for a host (RFC 6125: a star stands for one label)."""
    _, dot, rest = host.partition(".")
    return host.lower() in {n.lower() for n in names} or (
        bool(dot) and f"*.{rest}".lower() in {n.lower() for n in names}
    )


def ends(certificate: Path) -> Micros:
    """When the first of its chain ends."""
    chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    return min(micros(c.not_valid_after_utc) for c in chain)


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def local(folder: Path, names: list[str], now: Micros) -> Identity:
    """A certificate of the local CA for these names and addresses; made or renewed when needed."""
    with _alone(folder):
        return _local(folder, names, from_micros(now))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """A command and a running server may renew at the same time; key and certificate are two files."""
    make_folder(folder, mode=0o700)
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _local(folder: Path, names: list[str], moment: datetime.datetime) -> Identity:
    ca_cert, ca_key = _authority(folder, moment)
    certificate, key = folder / SERVER, folder / KEY
    here = {"localhost", "127.0.0.1", socket.gethostname()}
    wanted = sorted({_plain(name) for name in {*names, *here} - {"0.0.0.0", "::", ""}})  # noqa: S104 - left out
    if not _serves(certificate, key, wanted, ca_cert, moment):
        _issue(certificate, key, wanted, ca_cert, ca_key, moment)
    return Identity(certificate, key, fingerprint(ca_cert))


def renew(folder: Path, names: list[str], now: Micros, *, ca: bool = False) -> Identity:
    """A new certificate of the local CA with a new key, for what the last one was for and ``names``; with ``ca`` a new
    CA as well. Raises Refused when there is none yet."""
    certificate = folder / SERVER
    if not certificate.is_file():
        raise failure(Refused, "tls.none_yet")
    with _alone(folder):
        kept = names_of(x509.load_pem_x509_certificates(certificate.read_bytes())[0])
        if ca:
            (folder / CA_KEY).unlink(missing_ok=True)  # without its key a CA is made anew
        (folder / KEY).unlink(missing_ok=True)
        return _local(folder, [*kept, *names], from_micros(now))


def fingerprint(cert: x509.Certificate) -> str:
    """SHA-256 over the DER, in pairs: ``AB:CD:…``."""
    return cert.fingerprint(hashes.SHA256()).hex(":").upper()


def _authority(folder: Path, moment: datetime.datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    cert_path, key_path = folder / CA, folder / CA_KEY
    if cert_path.is_file() and key_path.is_file():
        kept = serialization.load_pem_private_key(key_path.read_bytes(), None)
        cert = x509.load_pem_x509_certificate(cert_path.read_bytes())
        assert isinstance(kept, ec.EllipticCurvePrivateKey)
        if _spki(cert.public_key()) == _spki(kept.public_key()):  # else its making was cut off
            return cert, kept
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
    is_of_ca = cert.issuer == ca.subject and _signed_by(cert, ca)
    left = cert.not_valid_after_utc - moment
    return set(wanted) <= names_of(cert) and is_of_ca and left > datetime.timedelta(days=RENEW_DAYS)


def _signed_by(cert: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        cert.verify_directly_issued_by(ca)
    except (InvalidSignature, ValueError):
        return False
    return True


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
    with suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(text))
    return x509.DNSName(text)


def _plain(text: str) -> str:
    """A name or address as it stands in a certificate: IDNA, the one spelling of IPv6."""
    with suppress(ValueError):
        return str(ipaddress.ip_address(text))
    try:
        return text.encode("idna").decode()
    except ValueError as error:
        raise failure(BadConfig, "tls.bad_name", name=text[:80]) from error


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
