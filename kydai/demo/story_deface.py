"""Story 9: the billboards' CMS has a weak password and gets another template; so does the page of a commune."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from core.clock import MINUTE, SECOND, Micros
from kydai.demo.emission import Given
from kydai.demo.lines_web import access, iis
from kydai.demo.lines_windows import sysmon_file, utc_time, windows
from kydai.demo.story import Story
from kydai.demo.truth import Expected, Truth
from kydai.demo.world import World

NAME = "deface"
VANDAL = "203.0.113.65"
GUESSES = 40
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_POOL, _W3WP = r"IIS APPPOOL\CongTTDT", r"C:\Windows\System32\inetsrv\w3wp.exe"


def play(world: World, random: Random, start: Micros) -> Iterator[Given]:
    """Forty passwords in four minutes, the last fits; the template is saved; a commune's page is written over."""
    cms = world.host("quangcao-cms01")
    for number in range(GUESSES):
        at = start + number * 6 * SECOND + random.randrange(SECOND)
        status = 302 if number == GUESSES - 1 else 401
        yield access(cms, at, "apache2", VANDAL, "POST", "/quantri/dang-nhap", status, 512, _AGENT, story=NAME)
    at = start + 6 * MINUTE
    target = "/quantri/giao-dien/sua-mau?tep=trang-chu.php"
    yield access(cms, at, "apache2", VANDAL, "POST", target, 302, 740, _AGENT, story=NAME)
    portal, at = world.host("cong-web01"), start + 11 * MINUTE
    yield iis(portal, at, VANDAL, "POST", "/xa-binh-an/quantri/templates/save.aspx", "", 200, 210, _AGENT, story=NAME)
    page = r"D:\web\cong\xa-binh-an\index.html"
    yield windows(portal, at, sysmon_file(utc_time(at), _POOL, _W3WP, page, 4312), 772_001, NAME)


STORY = Story(
    name=NAME,
    title={"vi": "Thay đổi giao diện bảng quảng cáo và trang của xã", "en": "Billboards and a commune's page defaced"},
    hours=("20:10", "05:20"),
    lasts=15 * MINUTE,
    play=play,
    truth=Truth(
        hosts=("quangcao-cms01", "cong-web01"),
        outside=(VANDAL,),
        accounts=("admin",),
        expects=(
            Expected(
                {"vi": "dò mật khẩu trang quản trị", "en": "guessing at a site's administration"},
                "quangcao-cms01",
                "T1110",
            ),
            Expected(
                {"vi": "mẫu giao diện bị sửa sau khi dò mật khẩu", "en": "template saved after guessing"},
                "quangcao-cms01",
                "T1491.002",
            ),
            Expected({"vi": "trang của xã bị ghi đè", "en": "a commune's page rewritten"}, "cong-web01", "T1491.002"),
        ),
        summary={
            "vi": "Trang quản trị bảng quảng cáo có mật khẩu yếu, mẫu bị thay; trang của xã Bình An bị ghi đè.",
            "en": "The billboards' CMS has a weak password and its template is changed; a commune's page is rewritten.",
        },
    ),
)
