"""Rules that people of this site write and change, as files in ``<rules>/local`` with their samples beside them.

Each state of a file is kept in ``<rules>/versions`` under its checksum, and the journal names the checksums: so every
version can be shown, compared and put back, and what the journal says of a text can be proved.

The journal comes first and the files follow it (``changing``): where a kill came between the two, a mark in the
database says which files are still to follow, and whoever comes next lets them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import Micros
from core.db.database import Database
from core.db.models import Audit, Meta
from core.durable import sync_folder, write_durably
from core.errors import BadInput, Conflict, NotFound, Place, cause, failure
from detections.local_copies import MADE_OF
from detections.rule import LOCAL_PACKAGE
from detections.rule_modes import VERSION_KEY
from detections.samples import FOLDER, samples_of

VERSIONS = "versions"
SAVE, REMOVE, UNDO, MERGED = "rule.save", "rule.remove", "rule.undo", "rules.merged"
UNDOABLE = (SAVE, REMOVE, MERGED)
ACTIONS = (*UNDOABLE, UNDO)
_SUMS = ("sha256", "samples_sha256")
_STOOD_FOR = "made_of_"
"""Before the checksums of the text that a copy stands for."""
_NOBODY = Actor("maintenance", "maintenance")
_LOCK = "rules.text"
_MARK = "rules.text:"
"""Before the number of a journal's entry that its files do not follow yet."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file of rules and its samples (empty: none) as texts."""

    file: str
    text: str
    samples: str = ""

    @property
    def version(self) -> str:
        """Another one for every change of either."""
        return _sum(f"{_sum(self.text)} {_sum(self.samples)}")

    @property
    def facts(self) -> dict[str, str]:
        """As the journal has it."""
        return {"file": self.file, "sha256": _sum(self.text), "samples_sha256": _sum(self.samples)}


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def read_rule(path: Path, file: str) -> Written | None:
    """A file of rules as it is now; None where there is none."""
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return None
    at = samples_of(path)
    return Written(file, text, at.read_bytes().decode("utf-8", "replace") if at else "")


def local_rule(rules_folder: Path, file: str) -> Written | None:
    """As ``read_rule``, of a local file by its name."""
    return read_rule(rules_folder / LOCAL_PACKAGE / file, file)


@contextmanager
def changing(database: Database, rules_folder: Path, now: Micros) -> Iterator[Session]:
    """A transaction for the changes below; when it is committed, the files follow. Raises BadInput when one cannot be
    written: that is put back, and the journal says so."""
    with database.write() as session:
        session.merge(Meta(key=_LOCK, value=str(now)))
        session.flush()  # a second writer waits here until the first is done
        follow(session, rules_folder, now)
        yield session
    try:
        with database.write() as session:
            follow(session, rules_folder, now)
    except BadInput:
        with database.write() as session:
            _give_up(session, rules_folder, now)
        raise


def waiting(session: Session) -> list[str]:
    """Files of which the journal has a change that they do not show yet."""
    return [mark.value for mark in _marks(session)]


def follow(session: Session, rules_folder: Path, now: Micros) -> list[str]:
    """Let those files follow the journal, in the caller's transaction; returns their names. One that a hand has changed
    meanwhile stays as it is, and the journal says what it is now. Raises BadInput when one cannot be written."""
    done = []
    for mark in _marks(session):
        entry = session.get_one(Audit, int(mark.key.removeprefix(_MARK)))
        current = local_rule(rules_folder, mark.value)
        if _is_between(current, entry):
            _apply(rules_folder, entry)
        else:
            if current is not None:
                _keep(rules_folder, current)
            facts = current.facts if current else None
            action = SAVE if facts else REMOVE
            audit.record(session, _NOBODY, action, entry.object, now=now, before=entry.after, after=facts)
        session.delete(mark)
        done.append(mark.value)
        # another word to those that run than that of any other change
        session.merge(Meta(key=VERSION_KEY, value=f"{now}.{entry.seq}"))
        session.flush()
    return done


def _marks(session: Session) -> list[Meta]:
    found = session.scalars(select(Meta).where(Meta.key.startswith(_MARK, autoescape=True)))
    return sorted(found, key=lambda mark: int(mark.key.removeprefix(_MARK)))


def _is_between(current: Written | None, entry: Audit) -> bool:
    """Whether the texts are those of before an entry, of after it, or the one of before with the other of after."""
    now = (current or Written("", "")).facts
    sides = [side or Written("", "").facts for side in (entry.before, entry.after)]
    return all(now[name] in [side[name] for side in sides] for name in _SUMS)


def _apply(rules_folder: Path, entry: Audit) -> None:
    if (packaged := made_of(rules_folder, entry.after)) is not None:
        _write(rules_folder / MADE_OF / packaged.file, packaged.text)
    facts = entry.after or entry.before or {}
    _put(rules_folder / LOCAL_PACKAGE, version_of(rules_folder, entry.after) or Written(str(facts["file"]), ""))


def _give_up(session: Session, rules_folder: Path, now: Micros) -> None:
    """Take back what could not be written, in the name of who wished it."""
    for mark in _marks(session):
        entry = session.get_one(Audit, int(mark.key.removeprefix(_MARK)))
        with suppress(BadInput):  # what could not be written is as it was
            _put(rules_folder / LOCAL_PACKAGE, version_of(rules_folder, entry.before) or Written(mark.value, ""))
        by = Actor(entry.actor, cast(audit.Channel, entry.channel), entry.session)
        audit.record(session, by, UNDO, entry.object, now=now, before=entry.after, after=entry.before)
        session.delete(mark)


def save(
    session: Session,
    actor: Actor,
    rules_folder: Path,
    rule_id: str,
    wish: Written,
    *,
    now: Micros,
    version: str | None,
    made_of: Written | None = None,
    reason: str = "",
) -> int:
    """Change a local file, in a session of ``changing``; pipelines take it up within a second. Returns the entry of the
    journal.

    ``version`` is of the local file that it stands for, None where there should be none; ``made_of`` is the package's
    file when this becomes a copy of it. Raises Conflict when the file is another than that, BadInput when it
    cannot be written.
    """
    before = _expected(rules_folder, wish.file, version)
    more: dict[str, str] = {}
    if made_of is not None:
        _keep(rules_folder, made_of)
        more = _made_of_facts(made_of)
    return _change(session, actor, rules_folder, rule_id, SAVE, before, wish, now, reason, more)


def take(
    session: Session,
    actor: Actor,
    rules_folder: Path,
    rule_id: str,
    file: str,
    *,
    now: Micros,
    version: str,
    reason: str = "",
) -> int:
    """Take a local file away: a package's rule in whose place it stood counts again. As ``save`` otherwise."""
    before = _expected(rules_folder, file, version)
    return _change(session, actor, rules_folder, rule_id, REMOVE, before, None, now, reason)


def merged(
    session: Session, actor: Actor, rules_folder: Path, rule_id: str, file: str, packaged: Written, *, now: Micros
) -> int:
    """Note that a person has looked at what the package changed: the copy in ``file`` now stands for ``packaged``. As
    ``save`` otherwise; raises NotFound when there is no such copy."""
    own, stood_for = local_rule(rules_folder, file), read_rule(rules_folder / MADE_OF / file, file)
    if own is None or stood_for is None:
        raise failure(NotFound, "copies.gone")
    for each in (stood_for, packaged):
        _keep(rules_folder, each)
    before = _made_of_facts(stood_for)
    return _change(session, actor, rules_folder, rule_id, MERGED, own, own, now, "", _made_of_facts(packaged), before)


def put_back(session: Session, actor: Actor, rules_folder: Path, entry: Audit, now: Micros) -> int:
    """Make a file what it was before a journal's entry: gone, where there was none. Returns the entry of this. Raises
    Conflict when it was changed since, or this was done before."""
    facts = entry.after or entry.before or {}
    file = str(facts.get("file", ""))
    current = local_rule(rules_folder, file)
    newest = select(func.max(Audit.seq)).where(Audit.object == entry.object, Audit.action.in_(ACTIONS))
    if session.scalar(newest) != entry.seq or version_of(rules_folder, entry.after) != current:
        raise failure(Conflict, "local.changed", file=file)
    wish = version_of(rules_folder, entry.before)
    rule_id = entry.object.partition(":")[2]
    stood_for = {name: text for name, text in (entry.before or {}).items() if name.startswith(_STOOD_FOR)}
    return _change(session, actor, rules_folder, rule_id, UNDO, current, wish, now, "", stood_for)


def version_of(rules_folder: Path, facts: dict[str, Any] | None) -> Written | None:
    """The texts that a journal's entry names; None where it names none. Raises NotFound when they are not kept."""
    if not facts or "sha256" not in facts:
        return None
    return Written(str(facts["file"]), *(_kept(rules_folder, facts, name) for name in _SUMS))


def made_of(rules_folder: Path, facts: dict[str, Any] | None) -> Written | None:
    """The package's texts of which an entry's file became a copy; None for others. Raises as ``version_of``."""
    if not facts or "made_of_sha256" not in facts:
        return None
    return Written(str(facts["file"]), *(_kept(rules_folder, facts, f"made_of_{name}") for name in _SUMS))


def _made_of_facts(packaged: Written) -> dict[str, str]:
    return {f"{_STOOD_FOR}{name}": packaged.facts[name] for name in _SUMS}


def _keep(rules_folder: Path, written: Written) -> None:
    for text in (written.text, written.samples):
        _write(rules_folder / VERSIONS / _sum(text), text)


def _kept(rules_folder: Path, facts: dict[str, Any], name: str) -> str:
    wanted = str(facts.get(name, ""))
    path = rules_folder / VERSIONS / wanted
    text = "" if wanted == _sum("") else path.read_bytes().decode("utf-8") if path.is_file() else None
    if text is None or _sum(text) != wanted:
        raise failure(NotFound, "local.no_version", file=str(facts.get("file", "")))
    return text


def _expected(rules_folder: Path, file: str, version: str | None) -> Written | None:
    current = local_rule(rules_folder, file)
    if (current.version if current else None) != version:
        raise failure(Conflict, "local.changed", file=file)
    return current


def _change(
    session: Session,
    actor: Actor,
    rules_folder: Path,
    rule_id: str,
    action: str,
    before: Written | None,
    after: Written | None,
    now: Micros,
    reason: str,
    more: dict[str, str] | None = None,
    less: dict[str, str] | None = None,
) -> int:
    """``more`` and ``less``: what is said beside the texts, after and before."""
    for each in (before, after):
        if each is not None:
            _keep(rules_folder, each)
    entry = audit.record(
        session,
        actor,
        action,
        f"rule:{rule_id}",
        now=now,
        before=before.facts | (less or {}) if before else None,
        after=after.facts | (more or {}) if after else None,
        reason=reason,
    )
    session.add(Meta(key=f"{_MARK}{entry}", value=(after or before or Written("", "")).file))
    session.flush()
    return entry


def _put(local: Path, wish: Written) -> None:
    """The samples first: who reads between the two has the rule as it was. An empty text takes the file away."""
    path = local.resolve() / wish.file
    found = samples_of(path)
    at = found if found is not None and found.is_relative_to(local.resolve()) else path.parent / FOLDER / path.name
    for place, text in ((at, wish.samples), (path, wish.text)):
        if text:
            _write(place, text)
        else:
            _unlink(place)


def _write(path: Path, text: str) -> None:
    data = text.encode("utf-8", "replace")
    try:
        if not path.is_file() or path.read_bytes() != data:
            write_durably(path, data)
    except OSError as error:
        raise failure(BadInput, "common.error.write", place=Place(path.name), why=cause(error)) from error


def _unlink(path: Path) -> None:
    try:
        if path.is_file():
            path.unlink()
            sync_folder(path.parent)
    except OSError as error:
        raise failure(BadInput, "common.error.write", place=Place(path.name), why=cause(error)) from error
