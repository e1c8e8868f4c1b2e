"""A browser signs in over HTTPS at a non-loopback address, in a network namespace of its own."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Error, expect

from tests.console.conftest import CHROMIUM, FLAGS, watched
from tests.console.pages import Console
from tests.kydai.running import Running, running
from tests.services import missing, program

ADDRESS = "10.77.0.1"
PASSWORD = "bốn con ngựa đồng hồ 9"


@pytest.fixture
def inside() -> Iterator[list[str]]:
    """What runs a command in a namespace where this machine has a second address."""
    unshare, nsenter, ip = program("unshare"), program("nsenter"), program("ip")
    holder = subprocess.Popen([unshare, "-Urn", "sleep", "300"])
    prefix = [nsenter, "--user", "--net", "--preserve-credentials", f"--target={holder.pid}"]
    try:
        for _ in range(100):
            up = subprocess.run([*prefix, ip, "link", "set", "lo", "up"], capture_output=True, timeout=20, check=False)
            if up.returncode == 0:
                break
        else:
            missing(f"a network namespace ({up.stderr.decode(errors='replace').strip()})")
        subprocess.run([*prefix, ip, "address", "add", f"{ADDRESS}/24", "dev", "lo"], check=True, timeout=20)
        yield prefix
    finally:
        holder.kill()
        holder.wait()


@pytest.fixture
def lan(tmp_path: Path, inside: list[str], browser: Browser) -> Iterator[Running]:
    """``browser`` for what it asks for: that there is one, and a built console."""
    with running(tmp_path / "data", within=inside, KYDAI_HTTP_ADDRESS=ADDRESS) as system:
        yield system


def pin(ca: Path) -> str:
    """Chromium's option that trusts what a key has signed, and nothing else that it would refuse."""
    key = x509.load_pem_x509_certificate(ca.read_bytes()).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"--ignore-certificate-errors-spki-list={base64.b64encode(hashlib.sha256(spki).digest()).decode()}"


def test_the_first_person_signs_in_from_the_network_by_the_printed_link(
    lan: Running, inside: list[str], browser: Browser, tmp_path: Path
) -> None:
    link = str(lan.facts["link"])
    assert link.startswith(f"https://{ADDRESS}:")
    chromium = tmp_path / "chromium"
    chromium.write_text(f'#!/bin/sh\nexec {" ".join(inside)} {CHROMIUM} "$@"\n')
    chromium.chmod(0o755)
    kind = browser.browser_type
    with kind.launch(executable_path=chromium, args=" ".join(FLAGS).split()) as strange:
        with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            strange.new_page().goto(lan.url)
    trusting = [*" ".join(FLAGS).split(), pin(lan.data / "tls" / "ca.pem")]
    with kind.launch(executable_path=chromium, args=trusting) as known:
        page = known.new_page()
        console = Console(*watched(page, lan.url), lan.url)
        page.goto(link)
        for name in ("new", "again"):
            page.locator(f"input[name={name}]").fill(PASSWORD)
        page.locator("button[type=submit]").click()
        console.heading("Cảnh báo chờ xử lý")
        (cookie,) = known.contexts[0].cookies() if known.contexts else page.context.cookies()
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
        page.goto(link)
        console.heading("Cảnh báo chờ xử lý")  # signed in already, though the link is spent
        expect(page.locator(".clock")).to_contain_text("Dữ liệu đến")
        assert console.complaints == []
        disabled = lan.kydai("users", "add", "hanhnt", "--role", "admin")
        assert disabled.returncode == 0, disabled.stderr
        assert lan.kydai("users", "disable", "admin").returncode == 0
        expect(console.band()).to_contain_text("Phiên đăng nhập đã hết")
