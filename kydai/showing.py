"""The certificate that console and intake show: which one by the settings, and kept fresh while they serve.

A server runs for longer than its certificate: what the local CA made is renewed by itself, and what was put in its
place (``kydai tls use``, ``renew``) is taken up without a restart. TLS reads files when it is told to: connections
that stand keep what they began with.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.orm import Session

from core.clock import DAY, Clock, Micros
from core.db.models import Heartbeat
from core.errors import BadConfig, KydaiError, cause, failure
from core.words import LANGUAGES, Text, both, say
from kydai import tls
from kydai.listening import Listener, console_of, intake_of, shown, url
from kydai.log import logger
from kydai.settings import Settings, is_here

WARN_DAYS = 30
"""So long before its end people are told."""
LOOK_SECONDS = 3600.0
"""Between two looks at whether the local CA has to renew, or this machine has a new address."""


def folder(settings: Settings) -> Path:
    """Where certificates and keys are."""
    return settings.data / "tls"


def by_http(settings: Settings) -> list[Listener]:
    """The listeners that speak HTTP."""
    return [each for each in (console_of(settings), intake_of(settings)) if each is not None]


def names(settings: Settings) -> list[str]:
    """All names and addresses under which they are reached from elsewhere."""
    found = [host for each in by_http(settings) for host in shown(each.address, settings.http.names)]
    return list(dict.fromkeys([*settings.http.names, *found]))


def console_urls(session: Session, settings: Settings) -> list[str]:
    """Where the console of this data folder is, as its API process says; else as the settings say."""
    row = session.get(Heartbeat, "api")
    if row is not None and row.data.get("urls"):
        return [str(each) for each in row.data["urls"]]
    console = by_http(settings)[0]
    secure = is_secure(settings, console)
    return [url(host, console.port, secure=secure) for host in shown(console.address, settings.http.names)]


def own_files(settings: Settings) -> tuple[Path, Path] | None:
    """The site's own certificate and its key, if it has one: the settings' before that of ``kydai tls use``."""
    http = settings.http
    if http.certificate is not None:
        return http.certificate, http.key or http.certificate
    if http.key is not None:
        raise failure(BadConfig, "tls.key_alone")
    taken = folder(settings) / tls.OWN
    return (taken, taken) if taken.is_file() else None


def identity(settings: Settings, now: Micros) -> tls.Identity | None:
    """What is shown; made or renewed by the local CA where that is needed. None where nothing needs HTTPS.

    Raises BadConfig for files that cannot be used.
    """
    if (files := own_files(settings)) is not None:
        return tls.own(*files)
    if all(is_here(each.address) for each in by_http(settings)):
        return None
    return tls.local(folder(settings), names(settings), now)


def is_secure(settings: Settings, listener: Listener) -> bool:
    """Whether it speaks HTTPS: off loopback always, on loopback with the site's own certificate."""
    return not is_here(listener.address) or own_files(settings) is not None


def in_use(settings: Settings) -> Path | None:
    """The certificate's file as far as there is one; nothing is made."""
    files = own_files(settings)
    if files is not None:
        return files[0]
    made = folder(settings) / tls.SERVER
    return made if made.is_file() and any(is_secure(settings, x) for x in by_http(settings)) else None


def days_left(settings: Settings, now: Micros) -> int | None:
    """Days until the certificate in use ends, below 0 behind it; None while that is not within ``WARN_DAYS``."""
    file = in_use(settings)
    if file is None:
        return None
    try:
        left = tls.ends(file) - now
    except (OSError, ValueError):
        return None  # whoever shows it says what is wrong with it
    return left // DAY if left < WARN_DAYS * DAY else None


def ending(days: int) -> Text:
    """What people are told of a certificate with so many days left."""
    return both("tls.ended") if days < 0 else both("tls.ends", count=days)


class Certificate:
    """What the listeners of one process show."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self.identity = identity(settings, clock.now())
        self.trouble: Text | None = None
        """Why a newer one could not be taken up; the last good one is still shown."""
        self._looked_at = clock.monotonic()
        self._seen = self._shown = self._files()

    def _files(self) -> tuple[object, ...]:
        made = (folder(self._settings) / tls.SERVER, folder(self._settings) / tls.KEY)
        return tuple((path, _mark(path)) for path in own_files(self._settings) or made)

    def keep(self, contexts: Sequence[ssl.SSLContext]) -> None:
        """Take up a newer one, and renew what ends; call it again and again. What is in the way becomes ``trouble``."""
        now, files = self._clock.monotonic(), self._files()
        if self.identity is None or (now - self._looked_at < LOOK_SECONDS and files == self._seen):
            return
        self._looked_at, self._seen = now, files
        try:
            fresh = identity(self._settings, self._clock.now())
            files = self._files()  # the local CA may have made one
            if fresh is None or files == self._shown:
                return
            for context in contexts:
                context.load_cert_chain(fresh.certificate, fresh.key)
        except (KydaiError, OSError) as error:
            self.trouble = _why(error)
            logger.warning("A certificate cannot be taken up; the last one is still shown.", error=str(error))
            return
        self._shown, self.identity, self.trouble = files, fresh, None
        logger.info("A new certificate is shown.", file=str(fresh.certificate))


def _why(error: KydaiError | OSError) -> Text:
    if isinstance(error, KydaiError):
        return {lang: error.told(lang) for lang in LANGUAGES}
    return {lang: say("start.certificate", lang, why=cause(error)[lang]) for lang in LANGUAGES}


def _mark(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size
