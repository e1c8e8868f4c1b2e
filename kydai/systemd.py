"""Kỳ Đài as a service of systemd: the text of its unit, and what systemd is told while it runs.

Every line of the unit is understood by systemd 249 (Ubuntu 22.04) and later.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kydai.supervisor import ORDER, STOP_SECONDS

NAME = "kydai.service"
FILE = Path("/etc/systemd/system") / NAME
USER = "kydai"
FOLDER = Path("/var/lib/kydai")
HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108
"""What the service does not see: ProtectHome and PrivateTmp."""

_TEMPLATE = """\
# Written by `kydai service install`, which writes it anew; changes of your own: systemctl edit kydai
[Unit]
Description=Kỳ Đài
Wants=network-online.target
After=network-online.target time-sync.target
RequiresMountsFor={folders}
# it is tried again for ever: an address that is not there yet, a disk that comes late
StartLimitIntervalSec=0

[Service]
# ready when console, receivers, pipeline and worker are; each process has its own limit of time
Type=notify
TimeoutStartSec=infinity
User={user}
Group={user}
WorkingDirectory={data}
Environment=KYDAI_LANG={lang}
SyslogIdentifier=kydai
ExecStart={start}
Restart=always
RestartSec=10
# only the first process is asked to stop: it stops the others in their order, what was received is committed
KillMode=mixed
TimeoutStopSec={stop_seconds}
# a process that falls to the lack of memory is started again alone
OOMPolicy=continue
LimitNOFILE=65536
UMask=0077

# ports below 1024 (514), and nothing else of root
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={writable}
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """What differs from one machine to the next. ``program`` is the command ``kydai``; paths are absolute."""

    program: Path
    data: Path
    lang: str
    config: Path | None = None
    listen: tuple[str, ...] = ()
    writable: tuple[Path, ...] = ()
    """Folders beside the data that it writes to, where they are."""

    @property
    def command(self) -> list[str]:
        """What is started."""
        config = [] if self.config is None else ["--config", str(self.config)]
        listen = [word for each in self.listen for word in ("--listen", each)]
        return [str(self.program), "--data", str(self.data), *config, "up", *listen]

    @property
    def text(self) -> str:
        """The unit file."""
        data = _quoted(str(self.data))
        program, *rest = self.command
        return _TEMPLATE.format(
            folders=f"{data} {_quoted(str(self.program.parent))}",
            user=USER,
            data=str(self.data).replace("%", "%%"),  # the one that takes no quotes
            lang=self.lang,
            # in the name of the program $ means nothing
            start=" ".join([_quoted(program), *(_quoted(word).replace("$", "$$") for word in rest)]),
            stop_seconds=int(STOP_SECONDS * len(ORDER)) + 20,
            # a disk that is not mounted then must not keep the service from starting
            writable=" ".join([data, *(_quoted(f"-{path}") for path in self.writable)]),
        )

    def unseen(self, *more: Path) -> list[Path]:
        """Paths that the service needs (``more``: those of Python and of the code) and would not see."""
        needed = [self.program, self.data, *([self.config] if self.config else []), *more]
        return [path for path in needed if any(path.resolve().is_relative_to(hidden) for hidden in HIDDEN)]


def _quoted(word: str) -> str:
    """One word of a setting of systemd, whatever is in it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return escaped if escaped and not set(escaped) & set(" \t'\"\\;") else f'"{escaped}"'


def notify(state: str) -> None:
    """Tell systemd, when it started us and listens (sd_notify(3)): ``READY=1``, ``STOPPING=1``."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
        to.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
