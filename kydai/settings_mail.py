"""Settings of how people are reached: the relay, the webhook, and the duty list."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from core.duty import ALL_DAYS, read_days, read_holiday, read_hours


class Section(BaseModel):
    """A table of the settings' file; what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _address(value: str) -> str:
    if _MAIL.fullmatch(value) is None:
        raise PydanticCustomError("mail_address", "no address of mail")
    return value


_MAIL = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")
Address = Annotated[str, AfterValidator(_address)]


class Mail(Section):
    """The relay that mail goes by."""

    host: str = Field("", description="SMTP relay; empty switches mail off.")
    port: int = Field(25, ge=1, le=65535, description="Port of the relay.")
    tls: str = Field("starttls", pattern="^(none|starttls|tls)$", description="none, starttls or tls.")
    user: str = Field("", description="Account on the relay, if it wants one.")
    password: SecretStr = Field(SecretStr(""), description="Password of the account.")
    sender: str = Field("kydai@localhost", description="Sender's address.")
    recipients: list[Address] = Field([], description="Who is told when a playbook, or the duty list, names nobody.")


def _days(value: list[str]) -> list[str]:
    try:
        read_days(value)
    except ValueError as error:
        raise PydanticCustomError("duty_days", "no days of the week") from error
    return value


def _hours(value: str) -> str:
    try:
        read_hours(value)
    except ValueError as error:
        raise PydanticCustomError("duty_hours", "no hours") from error
    return value


def _holiday(value: str) -> str:
    try:
        read_holiday(value)
    except ValueError as error:
        raise PydanticCustomError("duty_holiday", "no days of the year") from error
    return value


def _webhook(value: str) -> str:
    try:
        parts = urlsplit(value)
        fits = not value or (parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0)
    except ValueError:
        fits = False
    if not fits:
        raise PydanticCustomError("web_address", "no address of the web")
    return value


class ShiftOfDuty(Section):
    """One row of the duty list."""

    to: list[Address] = Field(min_length=1, max_length=50)
    days: Annotated[list[str], AfterValidator(_days)] = list(ALL_DAYS)
    hours: Annotated[str, AfterValidator(_hours)] = "00:00-24:00"
    name: str = Field("", max_length=100)


class Notices(Section):
    """Mail and webhook when something happens, without any playbook."""

    duty: list[ShiftOfDuty] = Field([], description="Who is told when; while nobody is, mail.recipients are.")
    holidays: list[Annotated[str, AfterValidator(_holiday)]] = Field([], description="Days that are holidays.")
    webhook: Annotated[str, AfterValidator(_webhook)] = Field(
        "", description="Address that is sent each notice as JSON; empty: none."
    )
