"""The certificate that is shown follows its files, renews itself, and says so when it cannot."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509

from core.clock import DAY, SECOND, StillClock, SystemClock
from core.errors import BadConfig
from kydai import showing, tls
from kydai.settings import Http, Intake, Settings
from kydai.showing import LOOK_SECONDS, Certificate
from tests.kydai.test_tls import private, signed

LAN = "192.0.2.10"
START = SystemClock().now()


@dataclass
class Context:
    """What a listener shows (ssl.SSLContext.load_cert_chain)."""

    loaded: list[Path] = field(default_factory=list)

    def load_cert_chain(self, certificate: Path, key: Path) -> None:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        self.loaded.append(certificate)


def house(tmp_path: Path, address: str = LAN, **http: Path) -> Settings:
    return Settings(data=tmp_path / "data", http=Http(address=address, **http))


def test_only_what_is_reached_from_elsewhere_speaks_https(tmp_path: Path) -> None:
    at_home = house(tmp_path, "127.0.0.1")
    assert showing.identity(at_home, START) is None
    mixed = at_home.model_copy(update={"intake": Intake(address=LAN)})
    console, intake = showing.by_http(mixed)
    assert not showing.is_secure(mixed, console) and showing.is_secure(mixed, intake)
    made = showing.identity(mixed, START)
    assert made is not None and LAN in tls.names_of(_first(made.certificate))
    assert showing.in_use(mixed) == made.certificate
    assert showing.in_use(at_home) is None, "it lies there and nobody shows it"


def _first(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates(path.read_bytes())[0]


def test_the_local_cas_certificate_renews_itself_while_the_server_runs(tmp_path: Path) -> None:
    clock, context = StillClock(START), Context()
    kept = Certificate(house(tmp_path), clock)
    contexts: list[ssl.SSLContext] = [context]  # type: ignore[list-item]  # the part of it that is called
    for _ in range(3):
        kept.keep(contexts)
        clock.advance(LOOK_SECONDS)
    assert context.loaded == []
    clock.advance(380 * DAY / SECOND)
    kept.keep(contexts)
    assert len(context.loaded) == 1
    assert tls.ends(context.loaded[0]) > clock.at + 360 * DAY


def test_a_certificate_of_the_sites_own_is_taken_up_and_given_back(tmp_path: Path) -> None:
    clock, context = StillClock(START), Context()
    settings = house(tmp_path)
    kept = Certificate(settings, clock)
    contexts: list[ssl.SSLContext] = [context]  # type: ignore[list-item]
    file, key = private(tmp_path)
    own = tls.use(signed(tmp_path, "a", key, names=["a"], days=40), file, showing.folder(settings), START)
    kept.keep(contexts)
    assert context.loaded == [own.certificate]
    assert showing.days_left(settings, START) is None
    assert showing.days_left(settings, START + 20 * DAY) == 18
    assert showing.days_left(settings, START + 39 * DAY + 1) == -1
    own.certificate.write_text("torn")
    kept.keep(contexts)
    assert "PEM" in (kept.trouble or {})["en"]
    assert len(context.loaded) == 1, "the last good one is still shown"
    own.certificate.unlink()
    kept.keep(contexts)
    assert not kept.trouble
    assert context.loaded[-1].name == tls.SERVER


def test_the_settings_name_both_files_or_one_that_holds_both(tmp_path: Path) -> None:
    file, key = private(tmp_path)
    certificate = signed(tmp_path, "a", key, names=["a"])
    with pytest.raises(BadConfig, match="without"):
        showing.own_files(house(tmp_path, key=file))
    certificate.write_bytes(certificate.read_bytes() + file.read_bytes())
    found = showing.identity(house(tmp_path, certificate=certificate), START)
    assert found is not None and found.fingerprint is None
