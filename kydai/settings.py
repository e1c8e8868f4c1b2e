"""Settings: a TOML file and ``KYDAI_*`` variables, read once and handed down.

``[http] port = 8470`` in the file is ``KYDAI_HTTP_PORT`` in the environment; the environment wins. Every setting
stands in docs/settings.md, held to this file by a test.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from core.clock import LOCAL_ZONE
from core.duty import Duty, Shift, read_days, read_holiday, read_hours
from core.errors import BadConfig, Place, cause, failure, misfit, reason
from core.store.retention import CLASS_NAME, DEFAULT_POLICY, Policy
from core.words import Text
from kydai.settings_mail import Mail, Notices, Section

CONFIG_NAME = "kydai.toml"
RETENTION_MONTHS = {**DEFAULT_POLICY.months, "flow": 3}


def _class_name(value: str) -> str:
    if CLASS_NAME.fullmatch(value) is None:
        raise PydanticCustomError("retention_class", "no name of a retention class")
    return value


RetentionClass = Annotated[str, AfterValidator(_class_name)]


def _time_of_day(value: str) -> str:
    if re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value, re.ASCII) is None:
        raise PydanticCustomError("time_of_day", "no time of day")
    return value


TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Http(Section):
    """Console, API and HTTP intake."""

    address: str = Field("127.0.0.1", description="Address to listen on; off loopback HTTPS is used.")
    port: Port = Field(8470, description="Port of console, API and HTTP intake.")
    certificate: Path | None = Field(None, description="Own certificate chain (PEM); else the local CA signs one.")
    key: Path | None = Field(None, description="Key of the certificate (PEM); unset: it is in the same file.")
    names: list[str] = Field([], description="Names and addresses the local CA writes into the certificate.")


class Intake(Section):
    """HTTP intake on an address of its own, beside the console's."""

    address: str = Field("", description="Address that takes events by HTTP and nothing else; empty: the console's.")
    port: Port | None = Field(None, description="Port of that; unset: the console's.")


class Syslog(Section):
    """Syslog over UDP and TCP."""

    address: str = Field("127.0.0.1", description="Address to listen on.")
    port: Port = Field(5514, description="Port for UDP and TCP.")
    udp_address: str = Field("", description="Address for UDP alone; empty: as syslog.address.")
    udp_port: Port | None = Field(None, description="Port for UDP alone; unset: as syslog.port.")
    tcp_address: str = Field("", description="Address for TCP alone; empty: as syslog.address.")
    tcp_port: Port | None = Field(None, description="Port for TCP alone; unset: as syslog.port.")
    max_frame_bytes: int = Field(16 << 20, ge=1024, description="A longer TCP frame is refused and counted.")


class Netflow(Section):
    """NetFlow v5, v9 and IPFIX over UDP."""

    address: str = Field("127.0.0.1", description="Address to listen on.")
    port: Port = Field(2055, description="UDP port for NetFlow and IPFIX.")


class SpoolSettings(Section):
    """The spool on disk."""

    quota_mb: int = Field(16_384, ge=64, description="A spool beyond this refuses until the pipeline has caught up.")
    reserve_mb: int = Field(512, ge=0, description="Intake stops when the disk has less than this left.")


class StoreSettings(Section):
    """The event store."""

    engine: str = Field(
        "segments", pattern="^(segments|elastic)$", description="segments (files on this machine) or elastic."
    )
    memory_mb: int = Field(256, ge=64, description="Memory a searching process may use for queries.")
    threads: int = Field(1, ge=1, description="Threads of a searching process.")
    retention_months: dict[RetentionClass, Annotated[int, Field(ge=1, le=1200)]] = Field(
        RETENTION_MONTHS, description="Months that each retention class is kept; what is not named keeps its default."
    )

    @field_validator("retention_months")
    @classmethod
    def _with_defaults(cls, value: dict[str, int]) -> dict[str, int]:
        return {**RETENTION_MONTHS, **value}

    @property
    def policy(self) -> Policy:
        """What is asked for; what is in force says core/keeping.py."""
        return Policy(self.retention_months, DEFAULT_POLICY.otherwise)


def is_here(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Elastic(Section):
    """The Elasticsearch that holds the events when store.engine is elastic."""

    urls: list[str] = Field(["http://127.0.0.1:9200"], min_length=1, description="Addresses of its nodes.")
    key_file: Path | None = Field(None, description="File with the API key (encoded form).")
    ca_file: Path | None = Field(None, description="Certificate of the CA that its certificates must come from (PEM).")
    prefix: str = Field("kydai", description="What the names of its indices begin with.")
    replicas: int = Field(1, ge=0, le=10, description="Copies of each new index on other nodes; 0 for a single node.")

    @property
    def unprotected(self) -> list[str]:
        """Hosts that are sent a key or a password over a network without encryption."""
        found = []
        for url in self.urls:
            try:
                part = urlsplit(url)
            except ValueError:
                continue  # the store tells of it
            host = part.hostname or ""
            if part.scheme == "http" and (self.key_file or part.password) and not is_here(host):
                found.append(host)
        return found


class Access(Section):
    """How people sign in."""

    session_hours: int = Field(12, ge=1, le=168, description="Hours after which a session ends, whatever is done.")
    totp_roles: list[Literal["admin", "sysadmin", "analyst", "auditor"]] = Field(
        [], description="Roles that must sign in with a one-time code, too; the others may."
    )


class Playbooks(Section):
    """What playbooks may touch."""

    enforce: bool = Field(False, description="Let firewall.block_ip really block; else it is a dry run.")
    protected: list[str] = Field([], description="Further addresses and networks that are never an effect.")
    targets: list[str] = Field([], description="Private networks whose addresses may be blocked.")
    webhook_hosts: list[str] = Field([], description="Hosts (and networks inside) that notify.webhook may call.")


class Backup(Section):
    """The daily backup of the control data."""

    folder: Path | None = Field(
        None, description="Existing folder for the daily backups, best on another disk; else backup in the data folder."
    )
    time: TimeOfDay = Field("02:30", description="Local time of day from which it is taken.")


class Worker(Section):
    """The worker."""

    broker: str = Field("", description="Celery broker (redis://…); empty lets the worker look by itself.")


_SiteValue = Annotated[str, Field(min_length=1, max_length=1000)]


class Site(Section):
    """What is particular about this site."""

    shared: list[str] = Field(
        [], description="Addresses that stand for many machines (NAT, proxies): they link nothing."
    )
    values: dict[str, Annotated[list[_SiteValue], Field(min_length=1)]] = Field(
        {}, description="Lists that rules ask for as %name% (Sigma's expand); * and ? are wildcards."
    )
    agencies: dict[Annotated[str, Field(min_length=1, max_length=40)], Annotated[str, Field(min_length=1)]] = Field(
        {}, description="Names of agencies by code; where there are any, the inventory takes no other agency."
    )


class _Environment(EnvSettingsSource):
    """The variables. What is no JSON where a list belongs is refused like any other wrong value."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class Settings(BaseSettings):
    """Everything that can be set. ``data`` is where all data live and nowhere else."""

    model_config = SettingsConfigDict(
        env_prefix="KYDAI_", env_nested_delimiter="_", env_nested_max_split=1, extra="forbid", frozen=True
    )

    data: Path = Field(Path("~/.local/share/kydai"), description="The data folder.")
    zone: str = Field(LOCAL_ZONE, description="Local time zone (IANA name).")
    http: Http = Http()
    intake: Intake = Intake()
    syslog: Syslog = Syslog()
    netflow: Netflow = Netflow()
    spool: SpoolSettings = SpoolSettings()
    store: StoreSettings = StoreSettings()
    elastic: Elastic = Elastic()
    access: Access = Access()
    mail: Mail = Mail()
    notices: Notices = Notices()
    playbooks: Playbooks = Playbooks()
    backup: Backup = Backup()
    worker: Worker = Worker()
    site: Site = Site()

    @field_validator("data")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (LookupError, OSError, ValueError) as error:
            raise PydanticCustomError("zone", "unknown time zone") from error
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return _Environment(settings_cls), init_settings

    @property
    def control_url(self) -> str:
        """The control database."""
        return f"sqlite:///{self.data / 'control.sqlite'}"

    @property
    def store_folder(self) -> Path:
        return self.data / "store"

    @property
    def keys_folder(self) -> Path:
        return self.data / "keys"

    @property
    def integrity_folder(self) -> Path:
        return self.data / "integrity"

    @property
    def spool_folder(self) -> Path:
        return self.data / "spool"

    @property
    def rules_folder(self) -> Path:
        """Installed rule packages and local rules."""
        return self.data / "rules"

    @property
    def hunts_folder(self) -> Path:
        """Hunts: what was asked and found, and how far each got."""
        return self.data / "hunts"

    @property
    def webhook_name(self) -> str:
        """The host of notices.webhook alone."""
        return urlsplit(self.notices.webhook).hostname or ""

    @property
    def webhook_host(self) -> str:
        """Where notices.webhook is, with its port; empty without one. The rest of the address may be a secret."""
        parts = urlsplit(self.notices.webhook)
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""

    @property
    def duty(self) -> Duty:
        """The duty list."""
        shifts = [
            Shift(tuple(each.to), read_days(each.days), *read_hours(each.hours), each.name)
            for each in self.notices.duty
        ]
        holidays = tuple(map(read_holiday, self.notices.holidays))
        return Duty(tuple(shifts), holidays, tuple(self.mail.recipients), self.zone)

    @property
    def cache_folder(self) -> Path:
        """What can be made again: compiled rules."""
        return self.data / "cache"


_SHOWN = 100
"""Characters of a name that are shown."""
_NOT_SETTINGS = {"KYDAI_LANG", "KYDAI_REQUIRE_SERVICES", "KYDAI_DATA_SAMPLES", "KYDAI_CONFIG"}


def load(data: Path | None = None, config: Path | None = None) -> Settings:
    """Settings from ``--config`` (or ``KYDAI_CONFIG``, or kydai.toml in the data folder) and the environment.

    Raises BadConfig with the file and the line of what is wrong, and what is allowed.
    """
    env_config = os.environ.get("KYDAI_CONFIG")
    path = config or (Path(env_config) if env_config else None)
    folder = data or Path(os.environ.get("KYDAI_DATA", "~/.local/share/kydai")).expanduser()
    try:
        if path is None and (folder / CONFIG_NAME).is_file():
            path = folder / CONFIG_NAME
    except OSError as error:  # a folder above it may not be entered
        raise failure(BadConfig, "start.unwritable", folder=folder, why=cause(error)) from error
    values: dict[str, Any] = {}
    text = ""
    if path is not None:
        try:
            text = path.read_text("utf-8")
            values = tomllib.loads(text)
        except OSError as error:
            raise failure(BadConfig, "start.settings.read", place=Place(str(path)), why=cause(error)) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise failure(BadConfig, "start.settings.toml", place=Place(str(path)), reason=reason(error)) from error
    _refuse_unknown_variables()
    try:
        settings = Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise _explain(first["loc"], misfit(first), path, text) from error
    return settings if data is None else settings.model_copy(update={"data": data.expanduser().absolute()})


def _refuse_unknown_variables() -> None:
    known = {"KYDAI_" + name.upper() for name in Settings.model_fields}
    for section, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            known |= {f"KYDAI_{section}_{name}".upper() for name in kind.model_fields}
    for name in os.environ:
        is_for_tests = name.startswith("KYDAI_TEST_")
        if name.startswith("KYDAI_") and not is_for_tests and name not in known and name not in _NOT_SETTINGS:
            raise failure(BadConfig, "start.settings.unknown", name=name)


def _line_of(names: Sequence[str], text: str) -> int | None:
    """The line of a setting or a section in a file that is TOML."""
    line, section = None, ""
    for number, content in enumerate(text.splitlines(), 1):
        stripped = content.strip()
        if stripped.startswith("["):
            section = found = stripped.partition("#")[0].strip("[] ")
        else:
            key = stripped.partition("=")[0].strip().strip("\"'")[:_SHOWN]
            found = f"{section}.{key}" if section else key
        if found == ".".join(names):
            line = number
    return line


def _explain(loc: tuple[int | str, ...], message: Text, path: Path | None, text: str) -> BadConfig:
    names = [str(part)[:_SHOWN] for part in loc if part != "[key]"]
    variable = "KYDAI_" + "_".join(names[:2]).upper()
    if variable in os.environ:
        return failure(BadConfig, "start.settings.value", name=variable, reason=message)
    line = _line_of(names, text) or _line_of(names[:-1], text)
    place = Place(str(path), line) if path else None
    return failure(BadConfig, "start.settings.value", place=place, name=".".join(names), reason=message)
