"""The keys that sign: Ed25519, in a folder of their own among the data.

    signing.pem      the private key in use (mode 0600); a rotation replaces it, and no older one is kept
    <ULID>.pub       the public key of every key that ever signed, named after when it was made
    lock             held while a key is made

A key is known by its public half as 64 hexadecimal digits.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.clock import Micros
from core.durable import make_folder, write_durably
from core.errors import BadConfig, Place, Unavailable, cause, failure
from core.event import is_ulid, new_ulid, ulid_time

_PRIVATE, _PUBLIC = "signing.pem", ".pub"


@dataclass(frozen=True, slots=True)
class Known:
    """A public key that is on record here."""

    key: str
    made_at: Micros
    is_signing: bool


class Signer:
    """Signs with one private key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.key = private.public_key().public_bytes_raw().hex()

    def sign(self, data: bytes) -> str:
        """The signature, 128 hexadecimal digits."""
        return self._private.sign(data).hex()


def is_signed(key: str, signature: str, data: bytes) -> bool:
    """Whether the holder of the key signed these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True


class Keys:
    """The keys in ``folder``. Methods raise Unavailable when it cannot be read or written, BadConfig for a file in it
    that is no key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def signer(self, now: Micros) -> Signer:
        """The key in use; the first is made when there is none."""
        with self._alone():
            private = self._private()
            if private is None:
                return self._make(now)
            signer = Signer(private)
            if signer.key not in {each.key for each in self._on_record(signer.key)}:
                self._record(private, now)
            return signer

    def rotate(self, now: Micros) -> Signer:
        """A new key in place of the one in use, whose private half is gone from then on."""
        with self._alone():
            return self._make(now)

    def known(self) -> list[Known]:
        """All public keys, the oldest first; a private one that is damaged is none."""
        try:
            try:
                private = self._private()
            except BadConfig:
                private = None
            return self._on_record("" if private is None else Signer(private).key)
        except OSError as error:
            raise failure(Unavailable, "integrity.error.keys", folder=self._folder, why=cause(error)) from error

    def _private(self) -> Ed25519PrivateKey | None:
        path = self._folder / _PRIVATE
        try:
            found = serialization.load_pem_private_key(path.read_bytes(), None)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            found = None
        if not isinstance(found, Ed25519PrivateKey):
            raise failure(BadConfig, "integrity.error.key", place=Place(str(path)))
        return found

    def _on_record(self, signing: str) -> list[Known]:
        found = []
        for path in sorted(self._folder.glob(f"*{_PUBLIC}")):
            try:
                key = serialization.load_pem_public_key(path.read_bytes())
            except ValueError:
                key = None
            if not isinstance(key, Ed25519PublicKey) or not is_ulid(path.stem):
                raise failure(BadConfig, "integrity.error.key", place=Place(str(path)))
            text = key.public_bytes_raw().hex()
            found.append(Known(text, ulid_time(path.stem), text == signing))
        return found

    def _make(self, now: Micros) -> Signer:
        private = Ed25519PrivateKey.generate()
        self._record(private, now)  # first: what is signed can be checked whenever we die
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_durably(self._folder / _PRIVATE, pem, mode=0o600)
        return Signer(private)

    def _record(self, private: Ed25519PrivateKey, now: Micros) -> None:
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_durably(self._folder / f"{new_ulid(now)}{_PUBLIC}", public, mode=0o644)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The only process that makes keys in the folder. Raises Unavailable."""
        try:
            make_folder(self._folder, mode=0o700)
            descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)
        except OSError as error:
            raise failure(Unavailable, "integrity.error.keys", folder=self._folder, why=cause(error)) from error
