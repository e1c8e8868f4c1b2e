"""A wall clock that a test sets, for processes that it starts: ahead of the machine's or behind it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.services import program

SOURCE = Path(__file__).with_suffix(".c")


class WallClock:
    """The clock of all processes that are started in ``environment``; it can be set while they run."""

    def __init__(self, folder: Path) -> None:
        library, self._file = folder / "wall_clock.so", folder / "wall_clock"
        command = [
            program("cc"),
            "-shared",
            "-fPIC",
            "-O2",
            "-Wall",
            "-Werror",
            "-o",
            str(library),
            str(SOURCE),
            "-ldl",
        ]
        subprocess.run(command, check=True)
        self._file.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(library), "WALL_CLOCK_AHEAD": str(self._file)}

    def ahead(self, seconds: int) -> None:
        """Set it ahead of the machine's clock, or back when negative. The processes see it at once."""
        with self._file.open("r+b") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))
