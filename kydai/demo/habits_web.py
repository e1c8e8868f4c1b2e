"""What citizens and officers do on the web on an ordinary day, with crawlers and monitoring among them."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import md5
from random import Random

from core.clock import SECOND, Micros
from kydai.demo.curve import Curve
from kydai.demo.emission import Given
from kydai.demo.folk import BROWSERS, CRAWLERS, citizen, machine
from kydai.demo.habit import Habit
from kydai.demo.lines_web import access, api_access, iis, iis_header, keycloak
from kydai.demo.voice import ecs
from kydai.demo.world import World

_PAGES = (
    "/",
    "/thu-tuc",
    "/thu-tuc/dat-dai",
    "/thu-tuc/ho-tich",
    "/ho-so/tra-cuu",
    "/ho-so/nop",
    "/huong-dan",
    "/tin-tuc",
    "/lien-he",
)
_ASSETS = ("/static/app.js", "/static/app.css", "/static/quoc-huy.svg", "/favicon.ico")
_PORTAL = (
    "/default.aspx",
    "/tin-tuc/danh-sach.aspx",
    "/tin-tuc/chi-tiet.aspx",
    "/van-ban/tra-cuu.aspx",
    "/lich-cong-tac.aspx",
)


def procedures(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """A citizen looks something up: a page or two and what belongs to them."""
    host = world.host(random.choice(("tthc-web01", "tthc-web02")))
    client, agent = citizen(random), random.choice(BROWSERS)
    for number in range(random.randrange(1, 4)):
        page = random.choice(_PAGES)
        if page == "/ho-so/tra-cuu":
            page += f"?ma={random.randrange(10**6):06d}.26.H99"
        method = "POST" if page == "/ho-so/nop" else "GET"
        status = random.choices((200, 304, 302, 404, 500), (80, 10, 6, 3.6, 0.4))[0]
        yield access(
            host,
            at + number * 7 * SECOND,
            "nginx",
            client,
            method,
            page,
            status,
            random.randrange(800, 60_000),
            agent,
            referrer="https://tthc.bachvan.example/",
        )
    yield access(
        host,
        at + 400_000,
        "nginx",
        client,
        "GET",
        random.choice(_ASSETS),
        200,
        random.randrange(900, 300_000),
        agent,
        referrer="https://tthc.bachvan.example/",
    )


def back_office(world: World, random: Random, at: Micros) -> Iterator[Given]:
    pc, who = machine(world, random)
    path = random.choice(("/motcua/ho-so", "/motcua/tiep-nhan", "/motcua/ket-qua", "/motcua/thong-ke"))
    yield access(
        world.host("motcua-app01"),
        at,
        "tomcat",
        pc.address,
        random.choice(("GET", "GET", "POST")),
        path,
        200,
        random.randrange(900, 90_000),
        BROWSERS[0],
        user=who.account,
    )


def portal(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """A reader, or a crawler, on the portal or a commune's page."""
    host = world.host("cong-web01")
    crawler = random.random() < 0.25
    agent = random.choice(CRAWLERS if crawler else BROWSERS)
    client = f"192.0.2.{random.randrange(186, 194)}" if crawler else citizen(random)
    if random.random() < 0.3:
        stem, query = f"/{random.choice(world.communes)[0]}/index.html", ""
    else:
        stem = random.choice(_PORTAL)
        query = f"id={random.randrange(1, 9000)}" if "chi-tiet" in stem else ""
    status = random.choices((200, 304, 404, 500), (88, 8, 3.5, 0.5))[0]
    yield iis(host, at, client, "GET", stem, query, status, random.randrange(2, 900), agent)


def documents(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """An officer reads and signs documents."""
    pc, who = machine(world, random)
    stem = random.choice(("/vanban/den", "/vanban/di", "/vanban/xem", "/vanban/kyso", "/vanban/tep"))
    yield iis(
        world.host("vanban-app01"),
        at,
        pc.address,
        "POST" if stem.endswith("kyso") else "GET",
        stem,
        f"id={random.randrange(10_000, 99_999)}",
        200,
        random.randrange(8, 2_000),
        BROWSERS[0],
        user=f"BACHVAN\\{who.account}",
    )


def new_file(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """IIS begins a new file and names its columns."""
    for name in ("cong-web01", "vanban-app01"):
        yield iis_header(world.host(name), at)


def watching(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """The monitoring system asks every web server whether it lives."""
    monitor = world.others["monitor"]
    for name in ("tthc-web01", "tthc-web02"):
        yield access(world.host(name), at, "nginx", monitor, "GET", "/healthz", 200, 2, "Zabbix")
    yield iis(world.host("cong-web01"), at + 200_000, monitor, "GET", "/healthz", "", 200, 1, "Zabbix")
    yield access(world.host("quangcao-cms01"), at + 300_000, "apache2", monitor, "GET", "/healthz", 200, 2, "Zabbix")


def scanned(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """The allowed vulnerability scanner asks a web server for what is not there."""
    host = world.host(random.choice(("tthc-web01", "tthc-web02")))
    for number, path in enumerate(
        ("/.git/HEAD", "/admin.php", "/phpinfo.php", "/server-status", "/test.cgi", "/backup.sql")
    ):
        yield access(
            host,
            at + number * 300_000,
            "nginx",
            world.others["scanner"],
            "GET",
            path,
            404,
            162,
            "Mozilla/5.0 (quet-lo-hong noi bo; lien he duclm)",
        )


def billboards(world: World, random: Random, at: Micros) -> Iterator[Given]:
    screen = random.randrange(1, 40)
    yield access(
        world.host("quangcao-cms01"),
        at,
        "apache2",
        f"10.20.101.{screen}",
        "GET",
        f"/api/lich-phat?man-hinh={screen}",
        200,
        random.randrange(400, 9_000),
        "bang-dien-tu/3.1",
    )


def sign_on(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """An officer signs in; one in twelve mistypes first."""
    host = world.host("sso01")
    pc, who = machine(world, random)
    client = random.choice(("vanban", "motcua", "lgsp-portal"))
    user = user_id(who.account)
    sequence, thread = at // SECOND % 10**6, random.randrange(1, 24)
    if random.random() < 0.08:
        yield keycloak(
            host,
            at,
            sequence,
            "LOGIN_ERROR",
            client=client,
            account=who.account,
            user_id=user,
            address=pc.address,
            error="invalid_user_credentials",
            thread=thread,
        )
        at += 9 * SECOND
    yield keycloak(
        host,
        at,
        sequence + 1,
        "LOGIN",
        client=client,
        account=who.account,
        user_id=user,
        address=pc.address,
        thread=thread,
    )
    yield keycloak(
        host,
        at + 300_000,
        sequence + 2,
        "CODE_TO_TOKEN",
        client=client,
        account=who.account,
        user_id=user,
        address=pc.address,
        thread=thread,
    )


def exchange(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """A system asks another one through the integration platform."""
    caller = world.host(random.choice(("motcua-app01", "vanban-app01", "phananh-api01", "canhbao-gw01")))
    path = random.choice(
        ("/dan-cu/v1/xac-thuc", "/dat-dai/v1/thua-dat", "/doanh-nghiep/v1/tra-cuu", "/danh-muc/v1/don-vi")
    )
    status = random.choices((200, 404, 504), (97, 2, 1))[0]
    yield api_access(
        world.host("lgsp01"),
        at,
        "lgsp.access",
        client=caller.address,
        method="POST",
        path=path,
        status=status,
        size=random.randrange(200, 20_000),
        took_ms=random.randrange(20, 3_000),
        agent="lgsp-client/2.4",
        account=caller.name,
    )


def reports(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """A citizen opens the app; one in twenty mistypes the password."""
    phone = f"09{random.randrange(10**8):08d}"
    action = random.choices(("dang-nhap", "gui-phan-anh", "xem-phan-anh", "danh-gia"), (3, 1, 6, 1))[0]
    failed = action == "dang-nhap" and random.random() < 0.05
    path = {
        "dang-nhap": "/api/v2/dang-nhap",
        "gui-phan-anh": "/api/v2/phan-anh",
        "xem-phan-anh": "/api/v2/phan-anh/gan-day",
        "danh-gia": "/api/v2/danh-gia",
    }[action]
    yield api_access(
        world.host("phananh-api01"),
        at,
        "phananh.access",
        client=citizen(random),
        method="GET" if action == "xem-phan-anh" else "POST",
        path=path,
        status=401 if failed else 200,
        size=random.randrange(90, 30_000),
        took_ms=random.randrange(8, 700),
        agent=random.choice(("BachVanS/5.2 (Android 15)", "BachVanS/5.2 (iOS 18.6)")),
        account=phone,
        action=action,
    )


def warnings(world: World, random: Random, at: Micros) -> Iterator[Given]:
    yield ecs(
        world.host("canhbao-gw01"),
        at,
        "canhbao.message",
        {
            "event.action": "sms-sent",
            "event.outcome": "success",
            "kydai.app.recipients": random.randrange(1, 400),
            "message": random.choice(
                ("Thông báo lịch cắt điện", "Cảnh báo mưa lớn cục bộ", "Nhắc lịch hẹn trả kết quả hồ sơ")
            ),
        },
    )


def vessels(world: World, random: Random, at: Micros) -> Iterator[Given]:
    yield ecs(
        world.host("tauca-vms01"),
        at,
        "tauca.position",
        {
            "event.action": "position",
            "device.id": f"BV-9{random.randrange(1000, 1400)}-TS",
            "kydai.app.speed_knots": round(random.random() * 11, 1),
            "kydai.app.distance_nm": round(random.random() * 120, 1),
        },
    )


def user_id(account: str) -> str:
    """Keycloak's id of an account."""
    digits = md5(account.encode(), usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


HABITS = (
    Habit("procedures", 2700, Curve.CITIZEN, procedures),
    Habit("back-office", 2600, Curve.OFFICE, back_office),
    Habit("portal", 5200, Curve.CITIZEN, portal),
    Habit("documents", 3600, Curve.OFFICE, documents),
    Habit("new-file", 24, Curve.FLAT, new_file),
    Habit("watching", 288, Curve.FLAT, watching),
    Habit("scanned", 6, Curve.SCAN, scanned),
    Habit("billboards", 1000, Curve.FLAT, billboards),
    Habit("sign-on", 800, Curve.OFFICE, sign_on),
    Habit("exchange", 2600, Curve.FLAT, exchange),
    Habit("reports", 2800, Curve.CITIZEN, reports),
    Habit("warnings", 500, Curve.CITIZEN, warnings),
    Habit("vessels", 2200, Curve.FLAT, vessels),
)
