"""Mail to a real SMTP server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from core.errors import Refused, Unavailable
from playbooks.action import Doing, Mail, Unsure, World
from playbooks.actions.notify_email import ACTION, Email
from tests.kydai.running import free_port

DOING = Doing(1, "mail", "k" * 64, 1, "playbook:x")
EMAIL = Email(subject="[Kỳ Đài] VV-1\nBcc: everyone@example", text="Câu tóm tắt.")


class Handler:
    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.received.append(envelope.content)
        return self.answer


@pytest.fixture
def relay() -> Iterator[tuple[Handler, int]]:
    handler, port = Handler(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, port
    controller.stop()


def with_mail(world: World, port: int) -> World:
    return replace(world, mail=Mail("127.0.0.1", port, "none", sender="kydai@example", recipients=("soc@example",)))


def test_a_mail_arrives_once_with_a_subject_of_one_line(world: World, relay: tuple[Handler, int]) -> None:
    handler, port = relay
    ACTION.perform(EMAIL, with_mail(world, port), DOING)
    (content,) = handler.received
    message = message_from_bytes(content)
    assert str(make_header(decode_header(message["Subject"]))) == "[Kỳ Đài] VV-1 Bcc: everyone@example"
    assert message["Bcc"] is None
    assert message["To"] == "soc@example"


def test_a_long_subject_in_vietnamese_keeps_its_spaces_and_a_sender_its_name(
    world: World, relay: tuple[Handler, int]
) -> None:
    handler, port = relay
    subject = "[Kỳ Đài][Cao] Tiến trình nền đã dừng: tương quan, vụ việc và kịch bản đứng yên"
    there = with_mail(world, port)
    named = replace(there, mail=replace(there.mail, sender="Kỳ Đài <kydai@example>"))
    ACTION.perform(Email(subject=subject, text="x"), named, DOING)
    message = message_from_bytes(handler.received[0], policy=policy.default)
    assert message["Subject"] == subject
    assert message["From"] == "Kỳ Đài <kydai@example>"
    assert message["Date"]


def test_a_relay_that_refuses_or_is_away_is_known_not_to_have_sent(world: World, relay: tuple[Handler, int]) -> None:
    handler, port = relay
    handler.answer = "554 no"
    with pytest.raises(Unavailable, match="refused it: 554 no") as refused:
        ACTION.perform(EMAIL, with_mail(world, port), DOING)
    assert refused.value.told("vi") == "Máy chủ thư từ chối: nguyên văn “554 no”."
    with pytest.raises(Unavailable):
        ACTION.perform(EMAIL, with_mail(world, free_port()), DOING)


def test_a_relay_that_breaks_off_after_the_data_leaves_it_unknown(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"220 x\r\n")
                file = connection.makefile("rb")
                while line := file.readline():
                    if line.upper().startswith(b"DATA"):
                        connection.sendall(b"354 go\r\n")
                        file.readline()
                        return
                    connection.sendall(b"250 ok\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(Unsure):
            ACTION.perform(EMAIL, with_mail(world, server.getsockname()[1]), DOING)
        thread.join()


def test_without_a_relay_it_is_refused(world: World) -> None:
    with pytest.raises(Refused):
        ACTION.perform(EMAIL, world, DOING)
    assert ACTION.preview(EMAIL, world, DOING)["has_relay"] is False
