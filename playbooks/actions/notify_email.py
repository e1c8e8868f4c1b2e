"""``notify.email``: one mail over the site's relay.

Of class *once*: when it is not known whether it went, a person is asked.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from email.header import Header
from email.mime.text import MIMEText
from email.utils import formataddr, formatdate, parseaddr
from typing import Any, cast

from pydantic import Field

from core.clock import SECOND
from core.errors import Refused, Unavailable, cause, failure, reason
from core.words import both
from playbooks.action import Action, Doing, EffectClass, Outcome, Parameters, State, Unsure, World

SECONDS = 20


class Email(Parameters):
    to: list[str] = Field(default_factory=list, max_length=50)
    subject: str = Field(min_length=1, max_length=200)
    text: str = Field(min_length=1, max_length=8000)


def _recipients(parameters: Email, world: World) -> list[str]:
    return list(parameters.to or world.mail.recipients)


def preview(parameters: Email, world: World, doing: Doing) -> Mapping[str, Any]:
    shown = {"subject": parameters.subject, "text": parameters.text}
    return {"to": _recipients(parameters, world), **shown, "has_relay": bool(world.mail.host)}


def perform(parameters: Email, world: World, doing: Doing) -> Outcome:
    to = _recipients(parameters, world)
    if not world.mail.host or not to:
        raise failure(Refused, "playbook.error.no_mail")
    message = _message(parameters, to, world, doing)
    try:
        relay = _connect(world)
    except (smtplib.SMTPException, OSError) as error:
        raise failure(Unavailable, "playbook.error.mail_away", why=cause(error)) from error
    try:
        with relay:
            refused = relay.send_message(message)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        raise failure(Unavailable, "playbook.error.mail_refused", reason=reason(_answer(error))) from error
    except (smtplib.SMTPException, OSError) as error:
        raise failure(Unsure, "playbook.error.mail_unsure", why=cause(error)) from error
    result = {"to": [each for each in to if each not in refused], "subject": parameters.subject}
    # the relay took it for the others: no failure, and no silence either
    answers = {address: _text(answer) for address, answer in refused.items()}
    return Outcome(State.DONE, result | ({"refused": answers} if answers else {}))


def _message(parameters: Email, to: Sequence[str], world: World, doing: Doing) -> MIMEText:
    message = MIMEText(parameters.text, "plain", "utf-8")
    # a header must be one line, whatever a log line put into the subject. Header: EmailMessage loses the space between
    # two encoded words where it folds
    message["Subject"] = cast(str, Header(" ".join(parameters.subject.split()), "utf-8"))  # takes either
    message["From"] = formataddr(parseaddr(world.mail.sender))
    message["To"] = ", ".join(" ".join(each.split()) for each in to)
    message["Date"] = formatdate(world.clock.now() / SECOND)
    message["Message-ID"] = f"<{doing.key[:32]}@kydai>"
    message["Auto-Submitted"] = "auto-generated"  # nobody's absence answers it
    return message


def _answer(error: smtplib.SMTPException) -> str:
    """What the relay said, as it said it: ``550 no such user``."""
    refused = list(error.recipients.values()) if isinstance(error, smtplib.SMTPRecipientsRefused) else [error.args[:2]]
    return _text(refused[0])


def _text(answer: tuple[int, bytes | str]) -> str:
    code, text = answer
    return f"{code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"


def _connect(world: World) -> smtplib.SMTP:
    mail = world.mail
    context = ssl.create_default_context()
    if mail.tls == "tls":
        relay: smtplib.SMTP = smtplib.SMTP_SSL(mail.host, mail.port, timeout=SECONDS, context=context)
    else:
        relay = smtplib.SMTP(mail.host, mail.port, timeout=SECONDS)
        if mail.tls == "starttls":
            relay.starttls(context=context)
    if mail.user:
        relay.login(mail.user, mail.password)
    return relay


ACTION = Action("notify.email", both("playbook.action.email"), EffectClass.ONCE, Email, preview, perform)
