"""What a step may read: the incident as the run knows it, and the results of the steps before it."""

from __future__ import annotations

from core.db.models import Run, StepRun
from playbooks.playbook import load
from playbooks.turn import Turn

BLOCK = load()[0]["block_guessing_source"].document
ROWS = [
    StepRun(
        run_id=1, step="block", result={"blocked": ["192.0.2.1"], "outcome": {"vi": "đã", "en": "did"}, "no": None}
    ),
    StepRun(run_id=1, step="note", result={}, approved_by="hanhnt"),
]
RUN = Run(id=1, playbook="p", definition=BLOCK, context={"incident.attackers": ["192.0.2.1"]}, incident_id=7)


def test_facts_are_the_incident_and_the_results() -> None:
    assert Turn(RUN, ROWS).facts() == {
        "incident.attackers": ["192.0.2.1"],
        "steps.block.blocked": ["192.0.2.1"],
        "steps.block.outcome.vi": "đã",
        "steps.block.outcome.en": "did",
    }
    assert Turn(RUN, ROWS).facts({"a": 1}).keys() & {"a", "incident.attackers"} == {"a"}


def test_a_step_is_prepared_from_them() -> None:
    turn = Turn(RUN, ROWS)
    step, action, arguments = turn.prepared("block")
    assert (step.name, action.name) == ("block", "firewall.block_ip")
    assert arguments == {"addresses": ["192.0.2.1"], "minutes": 60}
    assert turn.prepared("block", {"incident.attackers": ["192.0.2.9"]})[2]["addresses"] == ["192.0.2.9"]
    doing = turn.doing("note", "k")
    assert (doing.run_id, doing.incident_id, doing.approver, doing.key) == (1, 7, "hanhnt", "k")
