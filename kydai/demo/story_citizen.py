"""Story 7: stolen passwords are tried on the citizens' app, and one officer's account signs in from two places."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from core.clock import HOUR, MINUTE, SECOND, Micros
from kydai.demo.emission import Given
from kydai.demo.habits_web import user_id
from kydai.demo.lines_web import api_access, keycloak
from kydai.demo.story import Story
from kydai.demo.truth import Expected, Truth
from kydai.demo.world import World

NAME = "citizen"
STUFFERS = tuple(f"198.51.100.{n}" for n in range(210, 216))
TRAVELLER = "203.0.113.201"
OFFICER = "longhv"
TRIED, FITTING = 400, 9


def play(world: World, random: Random, start: Micros) -> Iterator[Given]:
    """400 accounts in 25 minutes, nine fit; then the officer, 18 minutes and a border apart."""
    yield from _stuffing(world, random, start)
    yield from _travelling(world, start + 30 * MINUTE)


def _stuffing(world: World, random: Random, start: Micros) -> Iterator[Given]:
    fits = set(random.sample(range(TRIED), FITTING))
    for number in range(TRIED):
        at = start + number * 25 * MINUTE // TRIED + random.randrange(SECOND)
        yield api_access(
            world.host("phananh-api01"),
            at,
            "phananh.access",
            client=random.choice(STUFFERS),
            method="POST",
            path="/api/v2/dang-nhap",
            status=200 if number in fits else 401,
            size=310 if number in fits else 92,
            took_ms=random.randrange(60, 180),
            agent="okhttp/4.12.0",
            account=f"09{random.randrange(10**8):08d}",
            action="dang-nhap",
            story=NAME,
        )


def _travelling(world: World, start: Micros) -> Iterator[Given]:
    places = (("10.20.32.24", start), (TRAVELLER, start + 18 * MINUTE))
    for turn, (address, at) in enumerate(places):
        yield keycloak(
            world.host("sso01"),
            at,
            900_000 + turn,
            "LOGIN",
            client="vanban",
            account=OFFICER,
            user_id=user_id(OFFICER),
            address=address,
            story=NAME,
        )


STORY = Story(
    name=NAME,
    title={
        "vi": "Thử hàng loạt mật khẩu bị lộ trên ứng dụng công dân",
        "en": "Credential stuffing on the citizens' app",
    },
    hours=("19:30", "10:30", "15:00", "05:30"),
    lasts=HOUR,
    play=play,
    truth=Truth(
        hosts=("phananh-api01", "sso01"),
        outside=(*STUFFERS, TRAVELLER),
        accounts=(OFFICER,),
        expects=(
            Expected(
                {"vi": "một địa chỉ đăng nhập sai nhiều tài khoản", "en": "one address fails on many accounts"},
                "phananh-api01",
                "T1110.004",
            ),
            Expected(
                {"vi": "đăng nhập đúng sau nhiều tài khoản sai", "en": "success after many accounts failed"},
                "phananh-api01",
                "T1078",
            ),
            Expected(
                {"vi": "một tài khoản ở hai nơi cách xa nhau", "en": "one account in two places too far apart"},
                "sso01",
                "T1078",
            ),
        ),
        summary={
            "vi": "Sáu địa chỉ thử 400 tài khoản công dân, chín lần đúng; tài khoản của một công chức đăng "
            "nhập từ cơ quan "
            "rồi 18 phút sau từ bên ngoài.",
            "en": "Six addresses try 400 citizens' accounts, nine fit; an officer's account signs in from "
            "the office and 18 "
            "minutes later from outside.",
        },
    ),
)
