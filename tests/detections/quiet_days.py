"""Quiet days that are not ordinary: Tết with nobody in, and the Wednesday on which every Windows host is patched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from core.clock import MINUTE, SECOND, Micros
from kydai.demo.background import HABITS
from kydai.demo.curve import Curve
from kydai.demo.emission import Given
from kydai.demo.habit import Habit
from kydai.demo.habits_network import vpn_session
from kydai.demo.lines_windows import process, service_installed, service_state, windows
from kydai.demo.world import Host, World

PRESENT = {Curve.OFFICE: 0.02, Curve.CITIZEN: 0.3, Curve.SCAN: 0.0}
"""Who is left at Tết; machines, backups and cron go on."""
_SVCHOST = r"C:\Windows\System32\svchost.exe"
_SERVICES = r"C:\Windows\System32\services.exe"
_MSIEXEC = r"C:\Windows\System32\msiexec.exe"
_WINSXS = r"C:\Windows\WinSxS\amd64_microsoft-windows-servicingstack_31bf3856ad364e35_10.0.26100.4\TiWorker.exe"
_STEPS = (
    (r"C:\Windows\System32\usoclient.exe", "usoclient.exe StartInstall", _SVCHOST),
    (r"C:\Windows\servicing\TrustedInstaller.exe", r"C:\Windows\servicing\TrustedInstaller.exe", _SERVICES),
    (_WINSXS, f"{_WINSXS} -Embedding", _SVCHOST),
    (_MSIEXEC, r"C:\Windows\system32\msiexec.exe /V", _SERVICES),
    (_MSIEXEC, r"C:\Windows\System32\MsiExec.exe -Embedding 4B2F1C0A5D6E E Global\MSI0000", _MSIEXEC),
    (r"C:\Windows\System32\wbem\WmiPrvSE.exe", r"C:\Windows\system32\wbem\wmiprvse.exe -Embedding", _SVCHOST),
    (r"C:\Windows\System32\wuauclt.exe", "wuauclt.exe /RunHandlerComServer", _SVCHOST),
)


def patched(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """One Windows host takes its updates: installers by the dozen, a service that is new, stops of the restart."""
    host: Host = random.choice([each for each in world.hosts.values() if each.windows])
    for turn in range(40):
        image, line, parent = _STEPS[turn % len(_STEPS)]
        event = process("SYSTEM", "NT AUTHORITY", "0x3e7", image, line, parent, 4_000 + turn, 1_044)
        yield windows(host, at + turn * 4 * SECOND, event, 900_000 + turn)
    service = r'"C:\Program Files\Microsoft Update Health Tools\uhssvc.exe"'
    event = service_installed("Microsoft Update Health Service", service, "LocalSystem")
    yield windows(host, at + 4 * MINUTE, event, 900_100)
    for turn, name in enumerate(("Windows Update", "Print Spooler", "Windows Search", "Group Policy Client")):
        for state, later in (("stopped", 5), ("running", 7)):
            when = at + later * MINUTE + turn * SECOND
            yield windows(host, when, service_state(name, state), 900_200 + turn)


TET = (
    *(replace(habit, per_day=habit.per_day * PRESENT.get(habit.curve, 1.0)) for habit in HABITS),
    Habit("duty-by-vpn", 8, Curve.FLAT, vpn_session),
)
PATCH_WEDNESDAY = (*HABITS, Habit("patched", 66, Curve.NIGHT, patched))
