"""``kydai tls``: what the server shows, the site's own certificate, and a new one of the local CA."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from cryptography import x509

from core import audit
from core.clock import MINUTE
from core.db.models import Heartbeat
from core.errors import BadInput, Refused, failure
from core.words import say
from kydai import showing
from kydai import tls as identity
from kydai.cli.main import LANG
from kydai.cli.output import safe
from kydai.cli.users_links import console_urls
from kydai.context import Context
from kydai.people import cli_actor
from kydai.settings import is_here

tls = typer.Typer(no_args_is_help=True, help=say("cli.tls.help", LANG))

File = Annotated[Path | None, typer.Argument()]
Local = Annotated[bool, typer.Option("--local", help=say("tls.use.local", LANG))]
NewCa = Annotated[bool, typer.Option("--ca", help=say("tls.renew.ca", LANG))]


def register(app: typer.Typer) -> None:
    app.add_typer(tls, name="tls")


def _told(path: Path, used: Path | None) -> dict[str, Any]:
    cert = x509.load_pem_x509_certificates(path.read_bytes())[0]
    return {
        "file": str(path),
        "in_use": path == used,
        "subject": cert.subject.rfc4514_string(),
        "issuer": cert.issuer.rfc4514_string(),
        "names": sorted(identity.names_of(cert)),
        "until": cert.not_valid_after_utc.isoformat(),
        "fingerprint": identity.fingerprint(cert),
    }


@tls.command("show", help=say("cli.tls.show", LANG))
def show(ctx: typer.Context) -> None:
    context: Context = ctx.obj
    folder, used = showing.folder(context.settings), _used(context)
    kept = [folder / name for name in (identity.OWN, identity.SERVER, identity.CA)]
    found = list(dict.fromkeys([*([used] if used else []), *(path for path in kept if path.is_file())]))
    documents = [_told(path, used) for path in found]
    if context.output.as_json:
        context.output.lines(documents)
        return
    if not documents:
        context.output.tell(say("cli.tls.none", LANG))
    for document in documents:
        shown = document | {
            "in_use": say("tls.yes" if document["in_use"] else "tls.no", LANG),
            "names": ", ".join(document["names"]) or "–",
        }
        lines = (f"{say(f'tls.field.{k}', LANG)}: {safe(v)}" for k, v in shown.items())
        context.output.one(None, "\n".join(lines) + "\n")


@tls.command("use", help=say("cli.tls.use", LANG))
def use(ctx: typer.Context, certificate: File = None, key: File = None, local: Local = False) -> None:
    context: Context = ctx.obj
    _refuse_set(context)
    folder = showing.folder(context.settings)
    if local:
        _back(context, folder)
        return
    if certificate is None or key is None:
        raise failure(BadInput, "tls.need_both")
    taken = identity.use(certificate, key, folder, context.clock.now())
    cert = x509.load_pem_x509_certificates(taken.certificate.read_bytes())[0]
    _journal(context, "tls.use", identity.fingerprint(cert))
    context.output.tell(say("tls.taken", LANG, until=f"{cert.not_valid_after_utc:%d/%m/%Y}"))
    names = identity.names_of(cert)
    hosts = [urlsplit(each).hostname or "" for each in console_urls(context)]
    if not_for := [host for host in hosts if not is_here(host) and not identity.is_for(names, host)]:
        context.output.tell(say("tls.not_for", LANG, names=", ".join(not_for)))
    _tell_when(context)


def _back(context: Context, folder: Path) -> None:
    """Back to the local CA; the file is put aside."""
    if not (folder / identity.OWN).is_file():
        raise failure(Refused, "tls.local_already")
    kept = identity.put_aside(folder)
    _journal(context, "tls.local", "")
    context.output.tell(say("tls.local_again", LANG, file=kept))
    _tell_when(context)


@tls.command("renew", help=say("tls.renew.help", LANG))
def renew(ctx: typer.Context, ca: NewCa = False) -> None:
    context: Context = ctx.obj
    settings = context.settings
    if (files := showing.own_files(settings)) is not None:
        raise failure(Refused, "tls.own_in_use", file=files[0])
    made = identity.renew(showing.folder(settings), showing.names(settings), context.clock.now(), ca=ca)
    cert = x509.load_pem_x509_certificates(made.certificate.read_bytes())[0]
    _journal(context, "tls.renew", identity.fingerprint(cert))
    context.output.tell(say("tls.renewed", LANG, until=f"{cert.not_valid_after_utc:%d/%m/%Y}"))
    if ca:
        file = showing.folder(settings) / identity.CA
        context.output.tell(say("tls.new_ca", LANG, file=file, print=made.fingerprint or ""))
    _tell_when(context)


def _refuse_set(context: Context) -> None:
    """What the settings name comes first, so that another would be taken and never shown."""
    http = context.settings.http
    if (file := http.certificate or http.key) is not None:
        raise failure(Refused, "tls.by_settings", file=file)


def _journal(context: Context, action: str, fingerprint: str) -> None:
    with context.database.write() as session:
        after = {"fingerprint": fingerprint} if fingerprint else None
        audit.record(session, cli_actor(), action, "tls", now=context.clock.now(), after=after)


def _tell_when(context: Context) -> None:
    """A server that speaks HTTPS takes a certificate up by itself; one that does not has to start again."""
    if (running := _running(context)) is not None:
        context.output.tell(say("tls.shown_soon" if running.get("certificate") else "tls.shown_later", LANG))


def _used(context: Context) -> Path | None:
    """The certificate that is shown: as the running server says, which may listen elsewhere than the settings say."""
    running = _running(context)
    if running is None:
        return showing.in_use(context.settings)
    return Path(running["certificate"]) if running.get("certificate") else None


def _running(context: Context) -> Mapping[str, Any] | None:
    """What the API process of this folder says of itself, while it lives."""
    if not (context.settings.data / "control.sqlite").is_file():
        return None
    with context.database.read() as session:
        row = session.get(Heartbeat, "api")
    return None if row is None or context.clock.now() - row.at > MINUTE else row.data
