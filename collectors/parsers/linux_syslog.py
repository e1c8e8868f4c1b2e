"""Any line with a syslog header that names a time and a host or program; the message is left as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectors.parser_contract import Hint, Record


class LinuxSyslog:
    """The parser of last resort for syslog."""

    name = "linux_syslog"
    title: Mapping[str, str] = {"vi": "Syslog chung (chỉ đọc phần đầu)", "en": "Syslog in general (header only)"}
    proven = True
    hint = Hint(syslog=True, priority=0)

    def parse(self, record: Record) -> dict[str, Any] | None:
        header = record.header
        if header is None or header.time is None or (header.hostname is None and header.app is None):
            return None
        return {"event.module": "system", "event.dataset": "system.syslog", "message": record.message}


PARSER = LinuxSyslog()
