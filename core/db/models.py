"""The control database, one model of each thing, for SQLite and PostgreSQL alike.

Times are microseconds since the epoch (core/clock.py). Lists and mappings are JSON. Names of states are
lower_snake texts that equal their JSON in the API.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import JSON


class Level(StrEnum):
    """Severity everywhere; Sigma's words."""

    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


LEVELS: tuple[str, ...] = tuple(Level)


class AlertStatus(StrEnum):
    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class IncidentStatus(StrEnum):
    NEW = "new"
    OPEN = "open"
    CLOSED = "closed"


class Verdict(StrEnum):
    TRUE_POSITIVE = "true_positive"
    BENIGN = "benign"
    FALSE_POSITIVE = "false_positive"
    DUPLICATE = "duplicate"


class RunStatus(StrEnum):
    """The states of a run; a step run uses the same words."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING_APPROVAL = "waiting_approval"
    WAITING_PERSON = "waiting_person"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


class EffectState(StrEnum):
    INTENDED = "intended"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNDONE = "undone"


class OutboxState(StrEnum):
    READY = "ready"
    LEASED = "leased"
    DONE = "done"
    DEAD = "dead"


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON, bytes: LargeBinary, int: BigInteger}  # noqa: RUF012 - SQLAlchemy's own form


def _id() -> Mapped[int]:
    # SQLite counts only INTEGER primary keys up by itself
    return mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


class Meta(Base):
    """Facts of the data folder: schema version, creation time, the demonstration's mark."""

    __tablename__ = "meta"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class Source(Base):
    """What the transport proves, named by a person when declared."""

    __tablename__ = "source"
    id: Mapped[int] = _id()
    name: Mapped[str] = mapped_column(String(200), unique=True)
    keys: Mapped[list[Any]] = mapped_column(default=list)
    """Transport keys (Frame.source) that belong to it; for a declared one also plain addresses and host names."""
    is_declared: Mapped[bool] = mapped_column(default=False)
    is_relay: Mapped[bool] = mapped_column(default=False)
    is_replay: Mapped[bool] = mapped_column(default=False)
    product: Mapped[str] = mapped_column(String(100), default="")
    system: Mapped[str] = mapped_column(String(200), default="")
    agency: Mapped[str] = mapped_column(String(200), default="")
    level: Mapped[int | None] = mapped_column(default=None)
    """Level 1 to 5 of the information system."""
    owner: Mapped[str] = mapped_column(String(200), default="")
    zone: Mapped[str] = mapped_column(String(64), default="Asia/Ho_Chi_Minh")
    expected: Mapped[list[Any]] = mapped_column(default=list)
    """Data sets that are expected of it."""
    silence_limit_s: Mapped[int | None] = mapped_column(default=None)
    retention: Mapped[str] = mapped_column(String(32), default="default")
    created_at: Mapped[int] = mapped_column(default=0)


class Activity(Base):
    """When (source, host, data set) was heard, by ``event.created``; at most 10,000 keys."""

    __tablename__ = "activity"
    source: Mapped[str] = mapped_column(String(200), primary_key=True)
    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    dataset: Mapped[str] = mapped_column(String(100), primary_key=True)
    first_at: Mapped[int]
    last_at: Mapped[int]
    count: Mapped[int] = mapped_column(default=0)
    gaps: Mapped[list[Any]] = mapped_column(default=list)
    """The eight longest gaps of the last 7 days: ``[[microseconds, when it ended], …]``, longest first."""
    offset: Mapped[int | None] = mapped_column(default=None)
    """Median of ``@timestamp`` − ``event.created`` of the last batch, in microseconds."""
    fields: Mapped[list[Any]] = mapped_column(default=list)
    """Names of fields seen, for coverage; at most 300."""


class Silence(Base):
    """A time in which a declared source, heard before, sent nothing for longer than it may."""

    __tablename__ = "silence"
    source: Mapped[str] = mapped_column(String(200), primary_key=True)
    start_at: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The last ``event.created`` before it."""
    end_at: Mapped[int | None] = mapped_column(default=None)
    limit: Mapped[int]
    """How long it may be silent, in microseconds, when this was found."""


class Ledger(Base):
    """The two balances: counts per source, UTC hour of ``event.created``, balance and bucket (core/ledger.py)."""

    __tablename__ = "ledger"
    source: Mapped[str] = mapped_column(String(200), primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    balance: Mapped[str] = mapped_column(String(8), primary_key=True)
    bucket: Mapped[str] = mapped_column(String(16), primary_key=True)
    reason: Mapped[str] = mapped_column(String(100), primary_key=True, default="")
    count: Mapped[int] = mapped_column(default=0)


class SpoolPosition(Base):
    """How far a spool has been committed: the next record to read, and the arrival seen so far."""

    __tablename__ = "spool_position"
    spool: Mapped[str] = mapped_column(String(100), primary_key=True)
    segment: Mapped[str] = mapped_column(String(26), default="")
    record: Mapped[int] = mapped_column(default=0)
    arrival_at: Mapped[int] = mapped_column(default=0)
    """Everything that arrived up to here is committed (the spool's watermark)."""
    heartbeat_at: Mapped[int] = mapped_column(default=0)
    lag: Mapped[int] = mapped_column(default=0)
    """Age in microseconds of the oldest raw not yet judged, at the heartbeat."""


class JudgedRange(Base):
    """Id ranges already judged, as a set: records ``first`` to ``last`` of a segment, both included."""

    __tablename__ = "judged_range"
    segment: Mapped[str] = mapped_column(String(26), primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class DeadLetter(Base):
    """An event that the store rejected, or a raw that broke its parser: kept whole, with the reason."""

    __tablename__ = "dead_letter"
    event_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    source: Mapped[str] = mapped_column(String(200))
    stage: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    raw: Mapped[bytes]
    at: Mapped[int]


class DecoderState(Base):
    """What a decoder must remember between batches (templates of an exporter, waiting datagrams)."""

    __tablename__ = "decoder_state"
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    data: Mapped[bytes]
    updated_at: Mapped[int]


class IngestedFile(Base):
    """How far a file was read by ``kydai ingest``, keyed by its print and its name (decision 5)."""

    __tablename__ = "ingested_file"
    print: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The print of source and path, which may be longer than a key of PostgreSQL."""
    length: Mapped[int]
    offset: Mapped[int]
    tail_print: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(200))
    """As a person gave it; empty when nobody did."""
    path: Mapped[str] = mapped_column(Text)
    at: Mapped[int]


class RuleMode(Base):
    """A person's choice for one rule: alert, record or disabled."""

    __tablename__ = "rule_mode"
    rule_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    mode: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text, default="")
    by: Mapped[str] = mapped_column(String(100), default="")
    at: Mapped[int] = mapped_column(default=0)


class HitBlock(Base):
    """The hits that correlations read: one compressed block per (batch, partition)."""

    __tablename__ = "hit_block"
    # readers go by the id: SQLite must never hand out one twice
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy's own form
    id: Mapped[int] = _id()
    partition: Mapped[int] = mapped_column(index=True)
    spool: Mapped[str] = mapped_column(String(100))
    arrival_at: Mapped[int]
    """The smallest arrival in the block."""
    is_replay: Mapped[bool] = mapped_column(default=False)
    data: Mapped[bytes]


class CorrelationPartition(Base):
    """Who correlates a partition, how far it has read, and the state at its last checkpoint."""

    __tablename__ = "correlation_partition"
    partition: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str] = mapped_column(String(100), default="")
    lease_until: Mapped[int] = mapped_column(default=0)
    read_to: Mapped[int] = mapped_column(default=0)
    """Every block up to this id has been answered."""
    checkpoint_at: Mapped[int] = mapped_column(default=0)
    """The block id that the state below has taken in."""
    state: Mapped[bytes | None] = mapped_column(default=None)


class Alert(Base):
    """A folded rule hit, a correlation, or a matter about ourselves; it points at events and never changes them."""

    __tablename__ = "alert"
    id: Mapped[int] = _id()
    fold_key: Mapped[str] = mapped_column(String(64), unique=True)
    """Hash that makes the upsert idempotent; its hour or instant is part of it."""
    kind: Mapped[str] = mapped_column(String(16), default="rule")
    """``rule``, ``correlation`` or ``self``."""
    rule_id: Mapped[str] = mapped_column(String(100), index=True)
    rule_title: Mapped[dict[str, Any]]
    """``{"vi": …, "en": …}``."""
    rule_file: Mapped[str] = mapped_column(Text, default="")
    rule_line: Mapped[int | None] = mapped_column(default=None)
    ruleset: Mapped[str] = mapped_column(String(64), default="")
    level: Mapped[str] = mapped_column(String(16))
    tags: Mapped[list[Any]] = mapped_column(default=list)
    status: Mapped[str] = mapped_column(String(16), default=AlertStatus.NEW, index=True)
    verdict: Mapped[str | None] = mapped_column(String(16), default=None)
    verdict_reason: Mapped[str] = mapped_column(Text, default="")
    assignee: Mapped[str | None] = mapped_column(String(100), default=None)
    first_at: Mapped[int]
    last_at: Mapped[int] = mapped_column(index=True)
    """First and last ``@timestamp`` of its events."""
    received_at: Mapped[int]
    """``event.created`` of its first event."""
    created_at: Mapped[int] = mapped_column(index=True)
    """When the row was written."""
    updated_at: Mapped[int] = mapped_column(index=True)
    count: Mapped[int] = mapped_column(default=1)
    event_ids: Mapped[list[Any]] = mapped_column(default=list)
    """The first 100 event ids, in order."""
    matched: Mapped[list[Any]] = mapped_column(default=list)
    """``[{"field", "value", "line"}]``: what matched in its first event, and the line of the rule."""
    entities: Mapped[list[Any]] = mapped_column(default=list)
    """``[["host", "web01"], ["user", "root"], ["ip", "192.0.2.1"], …]``, at most 200."""
    datasets: Mapped[list[Any]] = mapped_column(default=list)
    sources: Mapped[list[Any]] = mapped_column(default=list)
    host: Mapped[str] = mapped_column(String(255), default="", index=True)
    user: Mapped[str] = mapped_column(String(255), default="")
    summary: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Small facts for the sentence: addresses, command line, counts, group (correlations)."""
    system: Mapped[str] = mapped_column(String(200), default="")
    agency: Mapped[str] = mapped_column(String(200), default="")
    is_replay: Mapped[bool] = mapped_column(default=False)
    is_late: Mapped[bool] = mapped_column(default=False)
    is_final: Mapped[bool] = mapped_column(default=True)
    joined_to: Mapped[int | None] = mapped_column(default=None)
    """The surviving alert, when a burst turned out to be part of the one before."""
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incident.id"), default=None, index=True)
    version: Mapped[int] = mapped_column(default=1)
    """Counts up with every change by a person; a stale one is a conflict."""

    __table_args__ = (Index("alert_status_level", "status", "level"),)


class Incident(Base):
    """Alerts that belong together (vụ việc); declared a security incident only by a person."""

    __tablename__ = "incident"
    id: Mapped[int] = _id()
    number: Mapped[str] = mapped_column(String(32), unique=True)
    """``VV-2026-0142``: year of creation, counted up."""
    title: Mapped[dict[str, Any]]
    sentence: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """One sentence from its facts, ``{"vi", "en"}``; what is not known is said."""
    level: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(default=0)
    priority_sum: Mapped[list[Any]] = mapped_column(default=list)
    """``[{"key", "points", "detail"}]``; the points add up to the priority."""
    status: Mapped[str] = mapped_column(String(16), default=IncidentStatus.NEW, index=True)
    verdict: Mapped[str | None] = mapped_column(String(16), default=None)
    verdict_reason: Mapped[str] = mapped_column(Text, default="")
    assignee: Mapped[str | None] = mapped_column(String(100), default=None)
    tags: Mapped[list[Any]] = mapped_column(default=list)
    first_at: Mapped[int]
    last_at: Mapped[int]
    created_at: Mapped[int] = mapped_column(index=True)
    updated_at: Mapped[int] = mapped_column(index=True)
    closed_at: Mapped[int | None] = mapped_column(default=None)
    system: Mapped[str] = mapped_column(String(200), default="")
    agency: Mapped[str] = mapped_column(String(200), default="")
    is_replay: Mapped[bool] = mapped_column(default=False)
    merged_into: Mapped[int | None] = mapped_column(default=None)
    declared_at: Mapped[int | None] = mapped_column(default=None)
    declared_by: Mapped[str | None] = mapped_column(String(100), default=None)
    detected_at: Mapped[int | None] = mapped_column(default=None)
    """Time of detection, to the minute, as the person declared it."""
    category: Mapped[str] = mapped_column(String(100), default="")
    declaration_reason: Mapped[str] = mapped_column(Text, default="")
    withdrawn_at: Mapped[int | None] = mapped_column(default=None)
    withdrawn_by: Mapped[str | None] = mapped_column(String(100), default=None)
    withdrawal_reason: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[int] = mapped_column(default=1)


class IncidentLink(Base):
    """Why an alert belongs to an incident: the shared entities, or a person's merge."""

    __tablename__ = "incident_link"
    alert_id: Mapped[int] = mapped_column(ForeignKey("alert.id"), primary_key=True, autoincrement=False)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    reason: Mapped[list[Any]] = mapped_column(default=list)
    """``[{"kind": "host", "value": "web01", "alert": 12}]``; empty for the first alert."""
    at: Mapped[int]


class IncidentEntity(Base):
    """An entity seen in an incident's alerts, for joining the next alert by it."""

    __tablename__ = "incident_entity"
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    value: Mapped[str] = mapped_column(String(300), primary_key=True)
    first_at: Mapped[int]
    last_at: Mapped[int]

    __table_args__ = (Index("incident_entity_value", "kind", "value"),)


class Note(Base):
    __tablename__ = "note"
    id: Mapped[int] = _id()
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    author: Mapped[str] = mapped_column(String(100))
    at: Mapped[int]
    text: Mapped[str] = mapped_column(Text)


class Run(Base):
    """One execution of a playbook."""

    __tablename__ = "run"
    id: Mapped[int] = _id()
    key: Mapped[str] = mapped_column(String(128), unique=True)
    """What started it, so that a trigger seen twice starts one run: ``<playbook>|incident|<id>``."""
    playbook: Mapped[str] = mapped_column(String(100), index=True)
    version: Mapped[str] = mapped_column(String(64))
    definition: Mapped[dict[str, Any]]
    """The playbook as it was when the run began."""
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incident.id"), default=None, index=True)
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alert.id"), default=None)
    status: Mapped[str] = mapped_column(String(20), default=RunStatus.QUEUED, index=True)
    is_dry: Mapped[bool] = mapped_column(default=False)
    started_by: Mapped[str] = mapped_column(String(100), default="")
    context: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the steps may read: the incident's facts when the run began, or when it was last waited for."""
    about: Mapped[str] = mapped_column(Text, default="[]")
    """``[[system, agency], …]`` of every alert that it was made from, as JSON text: who may see it goes by this,
    whatever becomes of its incident."""
    created_at: Mapped[int]
    updated_at: Mapped[int]
    ended_at: Mapped[int | None] = mapped_column(default=None)
    error: Mapped[str] = mapped_column(Text, default="")


class StepRun(Base):
    __tablename__ = "step_run"
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True, autoincrement=False)
    step: Mapped[str] = mapped_column(String(100), primary_key=True)
    position: Mapped[int]
    status: Mapped[str] = mapped_column(String(20), default=RunStatus.QUEUED)
    started_at: Mapped[int | None] = mapped_column(default=None)
    ended_at: Mapped[int | None] = mapped_column(default=None)
    due_at: Mapped[int | None] = mapped_column(default=None)
    preview: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What it will do and whom it touches, shown before approval (dry run)."""
    preview_version: Mapped[int] = mapped_column(default=1)
    """Counts up when the preview of a step that waits changes; an approval of another one is a conflict."""
    newcomers: Mapped[list[Any]] = mapped_column(default=list)
    """Whom it would touch too if it were begun now: what came behind its approval."""
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    approved_by: Mapped[str | None] = mapped_column(String(100), default=None)
    approved_at: Mapped[int | None] = mapped_column(default=None)
    is_self_approved: Mapped[bool] = mapped_column(default=False)
    error: Mapped[str] = mapped_column(Text, default="")


class Effect(Base):
    """The effect ledger: intent is committed before an action touches the world, the result after."""

    __tablename__ = "effect"
    id: Mapped[int] = _id()
    key: Mapped[str] = mapped_column(String(64), unique=True)
    """sha256(run | step | canonical arguments)."""
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), index=True)
    step: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(100))
    arguments: Mapped[dict[str, Any]]
    effect_class: Mapped[str] = mapped_column(String(16))
    """``read``, ``idempotent``, ``checkable`` or ``once``."""
    state: Mapped[str] = mapped_column(String(16), default=EffectState.INTENDED)
    attempts: Mapped[int] = mapped_column(default=0)
    intended_at: Mapped[int]
    ended_at: Mapped[int | None] = mapped_column(default=None)
    expires_at: Mapped[int | None] = mapped_column(default=None)
    """When it ends by itself (a block's hour)."""
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    inverse: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Outbox(Base):
    """Work as rows with leases (core/db/outbox.py); a broker only says "look now"."""

    __tablename__ = "outbox"
    id: Mapped[int] = _id()
    kind: Mapped[str] = mapped_column(String(50))
    key: Mapped[str] = mapped_column(String(200))
    """Work of one kind and key that is still ready is one row."""
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(String(10), default=OutboxState.READY)
    due_at: Mapped[int]
    created_at: Mapped[int]
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=5)
    owner: Mapped[str] = mapped_column(String(100), default="")
    boot: Mapped[str] = mapped_column(String(40), default="")
    lease_until: Mapped[int] = mapped_column(default=0)
    """On CLOCK_BOOTTIME with the boot id (SQLite) or the database's clock (PostgreSQL)."""
    error: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (Index("outbox_due", "state", "due_at"), Index("outbox_kind_key", "kind", "key"))


class Audit(Base):
    """The hash-chained journal of who did what (core/audit.py)."""

    __tablename__ = "audit"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[int] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(100))
    channel: Mapped[str] = mapped_column(String(16))
    """``console``, ``api``, ``cli``, ``playbook``, ``maintenance``."""
    session: Mapped[str] = mapped_column(String(64), default="")
    action: Mapped[str] = mapped_column(String(64), index=True)
    object: Mapped[str] = mapped_column(String(200), default="")
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    reason: Mapped[str] = mapped_column(Text, default="")
    is_demo: Mapped[bool] = mapped_column(default=False)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class User(Base):
    __tablename__ = "user_account"
    id: Mapped[int] = _id()
    name: Mapped[str] = mapped_column(String(100), unique=True)
    full_name: Mapped[str] = mapped_column(String(200), default="")
    role: Mapped[str] = mapped_column(String(16))
    scope: Mapped[str] = mapped_column(Text, default="")
    """A query over ``kydai.system`` and ``kydai.agency``; empty sees all."""
    password_hash: Mapped[str | None] = mapped_column(Text, default=None)
    language: Mapped[str] = mapped_column(String(2), default="vi")
    is_disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[int]
    failed_attempts: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[int] = mapped_column(default=0)


class SignInLink(Base):
    """A link that signs one person in once within 15 minutes; only its hash is kept."""

    __tablename__ = "sign_in_link"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    expires_at: Mapped[int]
    used_at: Mapped[int | None] = mapped_column(default=None)


class Session(Base):
    __tablename__ = "session"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    created_at: Mapped[int]
    seen_at: Mapped[int]
    expires_at: Mapped[int]
    address: Mapped[str] = mapped_column(String(64), default="")


class Token(Base):
    """An API token: only the hash of its secret is kept; it never has more rights than its owner."""

    __tablename__ = "token"
    id: Mapped[int] = _id()
    name: Mapped[str] = mapped_column(String(100), unique=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    scope: Mapped[str] = mapped_column(String(32))
    """``ingest`` or ``api``."""
    created_at: Mapped[int]
    expires_at: Mapped[int]
    used_at: Mapped[int | None] = mapped_column(default=None)
    revoked_at: Mapped[int | None] = mapped_column(default=None)


class Heartbeat(Base):
    """A process says that it lives, and what it sees of itself."""

    __tablename__ = "heartbeat"
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    at: Mapped[int]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (UniqueConstraint("name"),)
