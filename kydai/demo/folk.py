"""Who goes by in the background: citizens' addresses, officers at their machines, browsers, sites."""

from __future__ import annotations

from random import Random

from kydai.demo.world import Host, Person, World

_RESERVED = {f"198.51.100.{n}" for n in (9, 23, 61, 63, 67, 200, 220, *range(141, 151), *range(210, 216))} | {
    f"203.0.113.{n}" for n in (9, 45, 62, 64, 65, 66, 68, 118, 201, *range(71, 81))
}
"""Addresses of the stories: nobody else has them."""

CITIZENS = tuple(
    a
    for a in (
        *(f"192.0.2.{n}" for n in range(130, 250)),
        *(f"198.51.100.{n}" for n in range(2, 250)),
        *(f"203.0.113.{n}" for n in range(2, 250)),
    )
    if a not in _RESERVED
)

BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "coc_coc_browser/137.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Mobile/15E148 Zalo/25",
    "Mozilla/5.0 (Linux; Android 15; SM-A556E) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
)
CRAWLERS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.example/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.example/bingbot.htm)",
    "Mozilla/5.0 (compatible; CocCocBot-Web/2.0; +http://help.coccoc.example/searchengine)",
)
SITES = (
    "baochinhphu.example",
    "thuvienphapluat.example",
    "tintuc.example",
    "mail.bachvan.example",
    "maps.example",
    "update.windows.example",
    "cdn.fonts.example",
    "zalo.example",
    "youtube.example",
    "dichvucong.example",
    "ocsp.pki.example",
    "telemetry.office.example",
    "vanban.bachvan.example",
    "tthc.bachvan.example",
)


def citizen(random: Random) -> str:
    return random.choice(CITIZENS)


def port(random: Random) -> int:
    """An ephemeral port."""
    return random.randrange(32768, 60999)


def machine(world: World, random: Random) -> tuple[Host, Person]:
    """An office machine and the officer who sits at it; the pairing never changes."""
    machines = world.named("pc-")
    number = random.randrange(len(machines))
    return machines[number], world.officers[number % len(world.officers)]
