"""The samples of a rule's file as they and the rule are now."""

from __future__ import annotations

from detections.samples import Sheet
from kydai.context import Context
from kydai.trying import Trier


def sheet(context: Context, samples: str | None) -> Sheet:
    folder = context.settings.rules_folder / "local" / "tests"
    folder.mkdir(exist_ok=True)
    if samples is not None:
        (folder / "sign_in_failure.yml").write_text(samples)
    return Trier(context.settings, context.clock).sheet("local", "sign_in_failure.yml")


def test_samples_are_tried_on_the_rule_of_their_file(context: Context) -> None:
    told = sheet(context, "match:\n  - {event.outcome: failure}\n  - {event.outcome: odd}\nno_match:\n  - {a: b}\n")
    assert (told.file, told.error) == ("sign_in_failure.yml", None)
    assert [trial.wrong is None for trial in told.trials] == [True, False, True]
    assert told.trials[0].hits == {"11111111-1111-4111-8111-111111111111"}


def test_what_cannot_be_tried_says_so(context: Context) -> None:
    assert sheet(context, None) == Sheet(None)
    broken = sheet(context, "match: x\n")
    assert broken.error is not None
    assert "match" in broken.error.told("en")
    assert Trier(context.settings, context.clock).sheet("local", "gone.yml") == Sheet(None)


def test_lines_go_through_the_parsers_in_the_zone_they_say(context: Context) -> None:
    lines = "match:\n  - {raw: no parser has it}\n  - {raw: x, zone: Asia/Nowhere}\nno_match:\n  - {a: b}\n"
    first, second, _ = sheet(context, lines).trials
    assert first.wrong is not None and "parser" in first.wrong["en"]
    assert second.wrong is not None and "Asia/Nowhere" in second.wrong["en"]
