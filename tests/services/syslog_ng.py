"""syslog-ng: installed, or unpacked into ``.tools`` by tests/services.sh, for its package would remove rsyslog."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.services import missing

UNPACKED = Path(__file__).parents[2] / ".tools" / "syslog-ng"


@dataclass(frozen=True, slots=True)
class SyslogNg:
    """The program, where its parts lie."""

    program: str
    options: tuple[str, ...] = ()
    libraries: str = ""

    @property
    def _environment(self) -> dict[str, str]:
        return os.environ | ({"LD_LIBRARY_PATH": self.libraries} if self.libraries else {})

    def run(self, *arguments: str) -> str:
        """What it prints; fails with what it complains of."""
        command = [self.program, *self.options, *arguments]
        ran = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [self.program, *self.options, *arguments]
        return subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def syslog_ng() -> SyslogNg:
    """Skips where there is none."""
    installed = shutil.which("syslog-ng") or shutil.which("syslog-ng", path="/usr/sbin:/sbin")
    if installed:
        return SyslogNg(installed)
    unpacked = UNPACKED / "usr" / "sbin" / "syslog-ng"
    if not unpacked.is_file():
        missing("syslog-ng")
    modules = {str(found.parent) for found in UNPACKED.rglob("libsyslogformat.so")}
    libraries = {str(found.parent) for found in UNPACKED.rglob("lib*.so.*")}
    return SyslogNg(str(unpacked), (f"--module-path={':'.join(sorted(modules))}",), ":".join(sorted(libraries)))
