"""The ATT&CK matrix, coloured by what the rules can see."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api import rules
from api.deps import Reader, Svc
from api.rule_matrix import MatrixOf, matrix_of
from api.scope import sight
from detections.hit_days import hit_days

router = APIRouter(prefix="/rules", tags=["rules"])


@router.get("/matrix")
def get_rule_matrix(request: Request, caller: Reader, svc: Svc) -> MatrixOf:
    """Tactics and techniques with what the rules in force can see of them here."""
    book = rules.book_of(request)
    with svc.database.read() as session:
        now = svc.clock.now()
        hits = hit_days(session, svc.zone, now)
        every = rules.rows(session, book.rules(session), book.coverage(), sight(caller.scope), hits, now)
        return matrix_of(every)
