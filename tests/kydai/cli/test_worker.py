"""A worker by itself on the command line."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from kydai import worker_process
from kydai.cli import worker
from kydai.working import Shop
from kydai.working import step as honest
from tests.kydai.cli.conftest import Run


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "configure", lambda name: None)


def test_it_wants_data_and_a_broker_for_the_bell(kydai: Run) -> None:
    assert kydai("worker").status == 2
    kydai("users", "add", "an", "--role", "analyst")
    ran = kydai("worker", "--on-bell")
    assert ran.status == 2
    assert "KYDAI_WORKER_BROKER" in ran.err


def test_it_works_until_it_is_told_to_stop(kydai: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    handlers = {s: signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)}
    kydai("users", "add", "an", "--role", "analyst")

    def step(shop: Shop, limit: int) -> int:
        threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGTERM)).start()
        return honest(shop, limit)

    monkeypatch.setattr(worker_process, "step", step)
    try:
        ran = kydai("worker")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert (ran.status, ran.out) == (0, "")
    assert "Working" in ran.err
