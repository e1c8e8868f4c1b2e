"""Story 11: a stolen account comes by VPN from abroad and goes on to the one-stop system."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from core.clock import MINUTE, SECOND, Micros
from kydai.demo.emission import Flow, Given
from kydai.demo.folk import port
from kydai.demo.habits_web import user_id
from kydai.demo.lines_network import fortigate_vpn
from kydai.demo.lines_web import access, keycloak
from kydai.demo.story import Story
from kydai.demo.truth import Expected, Truth
from kydai.demo.world import World

NAME = "vpn"
ABROAD, COUNTRY, INSIDE = "203.0.113.66", "Netherlands", "10.20.250.211"
HOME = "192.0.2.131"
OFFICER = "quanglm"
FAILED = 9


def play(world: World, random: Random, start: Micros) -> Iterator[Given]:
    """The officer's own session at home; nine wrong passwords from abroad, a session, the one-stop system."""
    fw = world.host("fw-ttdl")
    yield fortigate_vpn(
        fw,
        start,
        action="tunnel-up",
        user=OFFICER,
        remote=HOME,
        tunnel_ip="10.20.250.40",
        country="Viet Nam",
        story=NAME,
    )
    for number in range(FAILED):
        yield fortigate_vpn(
            fw,
            start + 30 * MINUTE + number * 7 * SECOND,
            action="ssl-login-fail",
            user=OFFICER,
            remote=ABROAD,
            tunnel_ip="",
            reason="sslvpn_login_permission_denied",
            level="alert",
            country=COUNTRY,
            story=NAME,
        )
    at = start + 32 * MINUTE
    yield fortigate_vpn(
        fw, at, action="tunnel-up", user=OFFICER, remote=ABROAD, tunnel_ip=INSIDE, country=COUNTRY, story=NAME
    )
    at += MINUTE
    yield keycloak(
        world.host("sso01"),
        at,
        910_001,
        "LOGIN",
        client="motcua",
        account=OFFICER,
        user_id=user_id(OFFICER),
        address=INSIDE,
        story=NAME,
    )
    app = world.host("motcua-app01")
    yield Flow(at, "sw-core01", INSIDE, app.address, port(random), 8080, 6, 840_000, 700, at - SECOND, 0x1B, NAME)
    yield access(app, at, "tomcat", INSIDE, "GET", "/motcua/ho-so", 200, 8_100, "Mozilla/5.0 (X11)", story=NAME)


STORY = Story(
    name=NAME,
    title={"vi": "Tài khoản bị lấy cắp vào VPN từ nước ngoài", "en": "A stolen account on the VPN from abroad"},
    hours=("21:30", "01:20"),
    lasts=40 * MINUTE,
    play=play,
    truth=Truth(
        hosts=("fw-ttdl", "sso01", "motcua-app01"),
        outside=(ABROAD,),
        accounts=(OFFICER,),
        expects=(
            Expected({"vi": "phiên VPN từ nước ngoài", "en": "VPN session from abroad"}, "fw-ttdl", "T1133"),
            Expected({"vi": "mở được phiên sau nhiều lần sai", "en": "session after guessing"}, "fw-ttdl", "T1110"),
            Expected({"vi": "một tài khoản ở hai quốc gia", "en": "one account in two countries"}, "fw-ttdl", "T1078"),
        ),
        summary={
            "vi": "Tài khoản quanglm vào VPN từ nước ngoài nửa giờ sau phiên ở nhà, rồi vào hệ thống một cửa.",
            "en": "quanglm's account comes by VPN from abroad half an hour after home, then opens the one-stop system.",
        },
    ),
)
