"""``kydai tls``: what the server shows, and the site's own certificate."""

from __future__ import annotations

from pathlib import Path

import typer
from cryptography import x509

from core import audit
from core.words import say
from kydai import tls as identity
from kydai.cli.main import LANG
from kydai.context import Context
from kydai.people import cli_actor

tls = typer.Typer(no_args_is_help=True, help=say("cli.tls.help", LANG))


def register(app: typer.Typer) -> None:
    app.add_typer(tls, name="tls")


@tls.command("show", help=say("cli.tls.show", LANG))
def show(ctx: typer.Context) -> None:
    context: Context = ctx.obj
    folder = context.settings.data / "tls"
    found = [p for p in (folder / identity.OWN, folder / "server.pem", folder / "ca.pem") if p.is_file()]
    documents = []
    for path in found:
        cert = x509.load_pem_x509_certificate(path.read_bytes())
        documents.append(
            {
                "file": str(path),
                "subject": cert.subject.rfc4514_string(),
                "until": cert.not_valid_after_utc.isoformat(),
                "fingerprint": identity.fingerprint(cert),
            }
        )
    if context.output.as_json:
        context.output.lines(documents)
        return
    if not documents:
        context.output.tell(say("cli.tls.none", LANG))
    for document in documents:
        context.output.one(None, "\n".join(f"{k}: {v}" for k, v in document.items()) + "\n")


@tls.command("use", help=say("cli.tls.use", LANG))
def use(ctx: typer.Context, certificate: Path, key: Path) -> None:
    context: Context = ctx.obj
    taken = identity.use(certificate, key, context.settings.data / "tls")
    with context.database.write() as session:
        cert = x509.load_pem_x509_certificate(taken.certificate.read_bytes())
        after = {"fingerprint": identity.fingerprint(cert)}
        audit.record(session, cli_actor(), "tls.use", "tls", now=context.clock.now(), after=after)
    context.output.tell(say("cli.tls.used", LANG))
