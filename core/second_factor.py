"""The second factor of signing in: one-time codes of a device (TOTP, RFC 6238), and recovery codes for when it is lost.

Every function takes an open transaction and leaves the commit to the caller, as core/accounts.py does. Codes are of
six digits and 30 seconds with SHA-1, which is what every authenticator app can do; the step before and the one behind
count, too, as clocks differ. The secret must be readable to check a code, so it lies in the control database as it is.
"""

from __future__ import annotations

import base64
import hmac
import secrets

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session as Transaction

from core import audit
from core.accounts import digest
from core.audit import Actor
from core.clock import SECOND, Micros
from core.db.models import RecoveryCode, SecondFactor, User
from core.errors import Conflict, Refused, failure

STEP = 30 * SECOND
DIGITS = 6
CODES = 10
"""Recovery codes made at a time."""
_SECRET_BYTES = 20
_ISSUER = "Kỳ Đài"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that are read as one another."""
_CODE_LETTERS = 10
"""49 bits: more than anybody can try at a door that makes them wait."""


class NeedCode(Refused):
    """The password or link is right, and the one-time code is missing."""


def is_on(session: Transaction, user: User) -> bool:
    """Whether signing in asks this person for a code."""
    return since(session, user) is not None


def since(session: Transaction, user: User) -> Micros | None:
    """Since when it does."""
    row = session.get(SecondFactor, user.id)
    return None if row is None else row.since


def codes_left(session: Transaction, user: User) -> int:
    """Recovery codes that were not used."""
    query = select(func.count()).where(RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None))
    return session.scalar(query) or 0


def begin(session: Transaction, user: User) -> str:
    """A new secret (base32) that counts once ``confirm`` was handed a code of it. Raises Conflict when one counts."""
    row = session.get(SecondFactor, user.id)
    if row is not None and row.since is not None:
        raise failure(Conflict, "access.totp.is_on")
    secret = base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    if row is None:
        session.add(SecondFactor(user_id=user.id, secret=secret, since=None, last_step=0))
    else:
        row.secret = secret
    return secret


def address_of(secret: str, name: str) -> str:
    """``otpauth://…``: what a device reads of the picture."""
    return _totp(secret).get_provisioning_uri(name, _ISSUER)


def confirm(session: Transaction, actor: Actor, user: User, code: str, now: Micros) -> list[str]:
    """From now on signing in asks for a code; returns the recovery codes. Raises Refused when the code is wrong or
    nothing was begun."""
    row = session.get(SecondFactor, user.id)
    if row is None or row.since is not None or not _is_code(row, code, now):
        raise failure(Refused, "access.totp.wrong_first")
    row.since = now
    audit.record(session, actor, "user.totp.on", f"user:{user.name}", now=now)
    return _new_codes(session, user)


def take(session: Transaction, user: User, code: str, now: Micros) -> str | None:
    """Whether it is a code of the person: ``totp`` or ``recovery``, spent from now on; None when it is not."""
    row = session.get(SecondFactor, user.id, with_for_update=True)
    if row is None or row.since is None:
        return None
    if _is_code(row, code, now):
        return "totp"
    kept = session.get(RecoveryCode, _digest(code), with_for_update=True)
    if kept is None or kept.user_id != user.id or kept.used_at is not None:
        return None
    kept.used_at = now
    return "recovery"


def renew_codes(session: Transaction, actor: Actor, user: User, now: Micros) -> list[str]:
    """Other recovery codes; the old ones end. Raises Refused where there is no second factor."""
    if not is_on(session, user):
        raise failure(Refused, "access.totp.is_off")
    audit.record(session, actor, "user.totp.codes", f"user:{user.name}", now=now)
    return _new_codes(session, user)


def remove(session: Transaction, actor: Actor, user: User, now: Micros) -> None:
    """Signing in asks for no code any more. Raises Refused where it did not."""
    if not is_on(session, user):
        raise failure(Refused, "access.totp.is_off")
    session.execute(delete(SecondFactor).where(SecondFactor.user_id == user.id))
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    audit.record(session, actor, "user.totp.off", f"user:{user.name}", now=now)


def _new_codes(session: Transaction, user: User) -> list[str]:
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(_CODE_LETTERS)) for _ in range(CODES)]
    session.add_all(RecoveryCode(hash=_digest(code), user_id=user.id, used_at=None) for code in codes)
    half = _CODE_LETTERS // 2
    return [f"{code[:half]}-{code[half:]}" for code in codes]


def _digest(code: str) -> str:
    return digest("".join(c for c in code.casefold() if c in _LETTERS))


def _totp(secret: str) -> TOTP:
    return TOTP(base64.b32decode(secret), DIGITS, SHA1(), STEP // SECOND)  # noqa: S303 - what RFC 6238 and the apps say


def _is_code(row: SecondFactor, code: str, now: Micros) -> bool:
    """Whether it is the code of this step of time or a neighbour that was not used yet; then it is used."""
    given = "".join(code.split()).encode("utf-8", "replace")
    totp, middle = _totp(row.secret), now // STEP
    for step in (middle, middle - 1, middle + 1):
        if step > row.last_step and hmac.compare_digest(totp.generate(step * STEP // SECOND), given):
            row.last_step = step
            return True
    return False
