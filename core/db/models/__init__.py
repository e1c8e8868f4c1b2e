"""The control database, one model of each thing, for SQLite and PostgreSQL alike.

Times are microseconds since the epoch (core/clock.py). Lists and mappings are JSON. Names of states are
lower_snake texts that equal their JSON in the API.
"""

from __future__ import annotations

from core.db.models.accounts import Audit, RecoveryCode, SecondFactor, Session, SignInLink, Token, User
from core.db.models.alerts import Alert, AlertStatus
from core.db.models.base import LEVELS, Base, Level, Verdict
from core.db.models.exceptions import ExceptionState, RuleException
from core.db.models.house import Heartbeat, LegalHold, Meta, Outbox, OutboxState, Retention
from core.db.models.incidents import Category, Incident, IncidentEntity, IncidentLink, IncidentStatus, Note
from core.db.models.intake import DeadLetter, DecoderState, IngestedFile, JudgedRange, LetterStage, SpoolPosition
from core.db.models.integrity import IntegrityRoot, Tombstone
from core.db.models.notices import Notice, NoticeState
from core.db.models.rules import CorrelationPartition, HitBlock, RuleHits, RuleMode
from core.db.models.runs import Effect, EffectState, Run, RunStatus, StepRun
from core.db.models.searches import SavedSearch
from core.db.models.sources import Activity, Ledger, PlannedSilence, Said, Silence, Source

__all__ = [
    "LEVELS",
    "Activity",
    "Alert",
    "AlertStatus",
    "Audit",
    "Base",
    "Category",
    "CorrelationPartition",
    "DeadLetter",
    "DecoderState",
    "Effect",
    "EffectState",
    "ExceptionState",
    "Heartbeat",
    "HitBlock",
    "Incident",
    "IncidentEntity",
    "IncidentLink",
    "IncidentStatus",
    "IngestedFile",
    "IntegrityRoot",
    "JudgedRange",
    "Ledger",
    "LegalHold",
    "LetterStage",
    "Level",
    "Meta",
    "Note",
    "Notice",
    "NoticeState",
    "Outbox",
    "OutboxState",
    "PlannedSilence",
    "RecoveryCode",
    "Retention",
    "RuleException",
    "RuleHits",
    "RuleMode",
    "Run",
    "RunStatus",
    "Said",
    "SavedSearch",
    "SecondFactor",
    "Session",
    "SignInLink",
    "Silence",
    "Source",
    "SpoolPosition",
    "StepRun",
    "Token",
    "Tombstone",
    "User",
    "Verdict",
]
