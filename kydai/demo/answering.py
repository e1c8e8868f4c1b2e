"""The story's people at work: everything they do goes through the API with accounts of their own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import httpx

from core.clock import Micros, to_micros
from core.errors import Unavailable, failure, reason
from core.words import say
from kydai.demo.story_text import Answer
from kydai.demo.world import World

ANALYST, DUTY = "hanhnt", "baotq"
WEB_SHELL = "attack.t1505.003"
POLL_SECONDS = 0.5
WAIT_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits for approval, and its incident."""

    run_id: int
    step: str
    incident: str


@dataclass(frozen=True, slots=True)
class Told:
    """What came of the block, as the API says it."""

    playbook: str
    address: str
    again: str
    """The addresses, and what they are called the second time."""
    person: str
    approved_at: Micros
    until: Micros | None
    undone_at: Micros | None
    is_dry: bool

    def answer(self, *, is_real: bool, another: bool) -> Answer:
        return Answer(
            self.playbook, self.address, self.person, self.approved_at, self.until, is_real, self.undone_at, another,
            self.again,
        )  # fmt: skip


class ApiClient:
    """The API as the story's people use it."""

    def __init__(self, url: str, tokens: dict[str, str]) -> None:
        self.url = f"{url}/api/v1"
        self.tokens = tokens

    def ask(self, who: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One call. Raises Unavailable with what the API said."""
        headers = {"authorization": f"Bearer {self.tokens[who]}", "x-kydai": "1"}
        try:
            answer = httpx.request(method, self.url + path, headers=headers, json=body, timeout=30, trust_env=False)
        except httpx.HTTPError as error:
            raise failure(Unavailable, "demo.error.api", reason=reason(error)) from error
        if answer.status_code >= 400:
            status = str(answer.status_code)
            raise failure(Unavailable, "demo.error.api_status", path=path, status=status, text=answer.text[:300])
        return answer.json()

    def waiting_run(self, playbook: str, seconds: float) -> dict[str, Any] | None:
        """The newest run of a playbook that waits for approval; None when none comes in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.ask(DUTY, "GET", f"/runs?status=waiting_approval&playbook={playbook}")["items"]
            if found:
                return dict(found[0])
            time.sleep(POLL_SECONDS)
        return None

    def until(self, run_id: int, step: str, key: str) -> dict[str, Any]:
        """The result of a step once it has ``key``."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            run = self.ask(DUTY, "GET", f"/runs/{run_id}")
            found = next(s for s in run["steps"] if s["step"] == step)
            if key in found["result"] or found["status"] in ("failed", "timed_out", "cancelled"):
                return dict(found)
            time.sleep(POLL_SECONDS)
        raise failure(Unavailable, "demo.error.run", run=str(run_id), step=step, seconds=int(WAIT_SECONDS))


def approve_and_undo(client: ApiClient, run: dict[str, Any], world: World, lang: str) -> Told:
    """The second analyst takes the incident, approves the block, sees it, and undoes it."""
    run_id = int(run["id"])
    detail = client.ask(DUTY, "GET", f"/runs/{run_id}")
    incident = detail["incident_number"]
    client.ask(DUTY, "POST", f"/incidents/{incident}/assign", {"assignee": DUTY})
    client.ask(DUTY, "POST", f"/incidents/{incident}/notes", {"text": say("demo.note.taken", "vi")})
    detail = client.ask(DUTY, "GET", f"/runs/{run_id}")  # who guessed last may be on the list only now
    seen = next(s["preview_version"] for s in detail["steps"] if s["step"] == "block")
    because = {"step": "block", "preview_version": seen, "reason": say("demo.note.approved", "vi")}
    client.ask(DUTY, "POST", f"/runs/{run_id}/approve", because)
    blocked = client.until(run_id, "block", "blocked")
    client.ask(DUTY, "POST", f"/runs/{run_id}/undo", {"step": "block", "reason": say("demo.note.undone", "vi")})
    undone = client.until(run_id, "block", "undone_at")
    addresses = blocked["result"].get("blocked", [])
    name = next(p.name for p in world.watch if p.account == DUTY)
    until = blocked["result"].get("until")
    return Told(
        playbook=str(detail["title"][lang]),
        address=_blocked(addresses, lang),
        again=say("demo.answer.these", lang, count=len(addresses)) if len(addresses) > 1 else "",
        person=name,
        approved_at=to_micros(blocked["approved_at"]),
        until=int(until) if until is not None else None,
        undone_at=undone["result"].get("undone_at"),
        is_dry=bool(blocked["result"].get("is_dry")),
    )


def leave_one_waiting(client: ApiClient, *, is_replay: bool) -> Waiting | None:
    """The first analyst starts the web shell's playbook by hand and leaves its approval to the newcomer."""
    incidents = client.ask(ANALYST, "GET", "/incidents?limit=50")["items"]
    for incident in incidents:
        if incident["is_replay"] is not is_replay or WEB_SHELL not in str(
            client.ask(ANALYST, "GET", f"/incidents/{incident['number']}")
        ):
            continue
        run = client.ask(ANALYST, "POST", f"/incidents/{incident['number']}/runs", {"playbook": "isolate_web_shell"})
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            now = client.ask(ANALYST, "GET", f"/runs/{run['id']}")
            for step in now["steps"]:
                if step["status"] == "waiting_approval":
                    return Waiting(int(run["id"]), str(step["step"]), str(incident["number"]))
            if now["status"] in ("failed", "succeeded", "cancelled"):
                break
            time.sleep(POLL_SECONDS)
    return None


def _blocked(addresses: list[str], lang: str) -> str:
    """The first, how many more, and that these are all the guessers of the incident, whatever story they belong to."""
    if len(addresses) < 2:
        return addresses[0] if addresses else "–"
    return say("demo.answer.many", lang, address=addresses[0], more=len(addresses) - 1, count=len(addresses))
