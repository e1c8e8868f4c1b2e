"""Values that only a switch makes come are told apart, and few."""

from __future__ import annotations

import pytest

from detections.value_classes import class_of, classes_of, every_class, value_classes


@pytest.mark.parametrize(
    ("event", "classes"),
    [
        ({"auditd.log.type": ["SYSCALL", "EXECVE", "CWD"]}, ("auditd.log.type=execve", "auditd.log.type=syscall")),
        ({"auditd.log.type": "PATH"}, ("auditd.log.type=path",)),
        ({"auditd.log.type": "USER_AUTH"}, ()),
        ({"auditd.log.type": [1, None]}, ()),
        ({"event.dataset": "nginx.access"}, ()),
    ],
)
def test_classes_of_an_event(event: dict[str, object], classes: tuple[str, ...]) -> None:
    assert classes_of(event) == classes


def test_they_are_few_and_named_as_events_have_them() -> None:
    assert every_class() == {class_of(name, value) for name, values in value_classes().items() for value in values}
    assert len(every_class()) < 50
