"""The Linux audit system: one raw is the lines of one event, joined by the receiver by serial number.

https://github.com/linux-audit/audit-documentation/wiki/SPEC-Audit-Event-Enrichment, audit.rules(7), auparse(3).
Every field keeps its own name under ``auditd.log.*``; when records of one event say different things under one
name, it holds all of them, so that a rule about EXECVE's ``a0`` and one about SYSCALL's both find theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from ipaddress import IPv6Address
from typing import Any

import yaml

from collectors.parser_contract import Hint, Record
from collectors.parser_derive import file_parts
from collectors.parser_time import reader
from collectors.parser_values import MAX_FIELDS, ip_text, put, unmapped

Out = dict[str, Any]

_LINE = re.compile(r"(?:node=(\S+) )?type=(\S+) msg=audit\((\d{1,12}(?:\.\d{1,9})?):(\d{1,20})\): ?([^\n]*)", re.ASCII)
_PAIR = re.compile(r"""(?<![\w.-])([A-Za-z_][\w.-]{0,99})=("[^"]*"|'[^']*'|\([^)\s]*\)|\S*)""", re.ASCII)
_DENIED = re.compile(r"avc:\s+(denied|granted)\s+\{ ([^}]*) \} for")
_HEX = re.compile(r"(?:[0-9A-F]{2})+\Z")
_UNSET = frozenset(("4294967295", "-1", "unset"))
_NOTHING = frozenset(("?", "(none)", "(null)", "", "unset"))
_HEXED = frozenset(
    ("cmd", "proctitle", "comm", "exe", "name", "cwd", "acct", "path", "data", "grp", "new_group", "file", "vm", "dir")
)
_ARGUMENT = re.compile(r"a\d{1,4}(?:\[\d{1,4}\])?\Z")
_read_epoch = reader("epoch")

MAX_LINES = 2_000


class AuditdParser:
    """Linux audit events."""

    name = "auditd"
    title: Mapping[str, str] = {"vi": "Kiểm toán Linux (auditd)", "en": "Linux audit (auditd)"}
    proven = True
    hint = Hint(
        programs=frozenset(("auditd", "audispd", "audisp-syslog", "audit")),
        contains=("msg=audit(",),
        priority=85,
    )

    def parse(self, record: Record) -> Out | None:
        found = _LINE.findall(record.message)
        if not found:
            return None
        out: Out = {"event.module": "auditd", "event.dataset": "auditd.log"}
        node, _, when, serial, _ = found[0]
        time = _read_epoch(when, record.zone, record.created_at)
        if time is not None:
            out["@timestamp"] = time[0]
        if node:
            out["host.name"] = node
        out["auditd.log.sequence"] = serial
        native: dict[str, list[str]] = {}
        by_type: dict[str, dict[str, str]] = {}
        paths: list[dict[str, str]] = []
        for _, kind, _, _, body in found[:MAX_LINES]:
            fields = _fields(body)
            if kind == "PATH":
                paths.append(fields)
            if kind == "EXECVE" and kind in by_type:
                by_type[kind].update(fields)  # a long command line takes several records
            by_type.setdefault(kind, fields)
            for name, value in fields.items():
                held = native.setdefault(name, [])
                if value not in held and len(held) < MAX_FIELDS:
                    held.append(value)
        for name, values in native.items():
            if len(out) >= MAX_FIELDS:
                unmapped(out, f"{len(native)} names of fields")
                break
            out[f"auditd.log.{name}"] = values[0] if len(values) == 1 else values
        kinds = list(by_type)
        out["auditd.log.type"] = kinds[0] if len(kinds) == 1 else kinds
        _common(out, by_type)
        _paths(out, paths)
        _file_change(out, by_type.get("SYSCALL", {}), {path.get("nametype", "") for path in paths})
        file_parts(out)
        return out


def _fields(body: str) -> dict[str, str]:
    """The fields of one record; what stands in ``msg='…'`` counts as its own, hex is made text again."""
    out: dict[str, str] = {}
    avc = _DENIED.search(body)
    if avc:
        out["seresult"], out["seperms"] = avc.group(1), avc.group(2)
    for name, value in _PAIR.findall(body.replace("\x1d", " ")):
        if name == "msg" and value[:1] == "'":
            for inner_name, inner_value in _PAIR.findall(value[1:-1]):
                out[inner_name] = _decoded(inner_name, inner_value)
        else:
            out[name] = _decoded(name, value)
    return out


def _decoded(name: str, value: str) -> str:
    if value[:1] in ('"', "'"):
        return value[1:-1]
    if (name in _HEXED or (_ARGUMENT.match(name) and len(value) % 2 == 0)) and len(value) > 3 and _HEX.match(value):
        if name not in _HEXED and not any(c in "ABCDEF" for c in value) and len(value) <= 16:
            return value  # an argument of a system call may look like text and be a number
        raw = bytes.fromhex(value)
        return raw.replace(b"\0", b" ").decode("utf-8", "backslashreplace").rstrip()
    return value


@cache
def types() -> Mapping[str, tuple[str, list[str], list[str]]]:
    """Record type → action, categories, types."""
    text = files("collectors.parsers").joinpath("_auditd_types.yml").read_text(encoding="utf-8")
    return {
        kind: (action, categories.split("+"), kinds.split("+"))
        for kind, (action, categories, kinds) in yaml.safe_load(text).items()
    }


_RESULTS = {
    "success": "success",
    "yes": "success",
    "1": "success",
    "failed": "failure",
    "no": "failure",
    "0": "failure",
}
_SYSCALLS = {
    # x86-64 (arch c000003e) and aarch64 (c00000b7): those that rules speak about
    "c000003e": {
        "2": "open", "41": "socket", "42": "connect", "43": "accept", "49": "bind", "50": "listen", "56": "clone",
        "57": "fork", "59": "execve", "62": "kill", "82": "rename", "84": "rmdir", "87": "unlink", "90": "chmod",
        "91": "fchmod", "92": "chown", "101": "ptrace", "105": "setuid", "155": "pivot_root", "161": "chroot",
        "164": "settimeofday", "165": "mount", "170": "sethostname", "175": "init_module", "176": "delete_module",
        "188": "setxattr", "227": "clock_settime", "257": "openat", "263": "unlinkat", "264": "renameat",
        "268": "fchmodat", "310": "process_vm_readv", "311": "process_vm_writev", "313": "finit_module",
        "316": "renameat2", "319": "memfd_create", "321": "bpf", "322": "execveat",
    },
    "c00000b7": {"35": "unlinkat", "53": "fchmodat", "56": "openat", "105": "init_module", "117": "ptrace",
                 "200": "bind", "203": "connect", "221": "execve", "273": "finit_module", "280": "bpf",
                 "281": "execveat"},
}  # fmt: skip
_ACTIONS = {"execve": "executed", "execveat": "executed", "connect": "connected-to", "bind": "bound-socket"}


def _common(out: Out, by_type: Mapping[str, Mapping[str, str]]) -> None:
    kind = next(iter(by_type))
    main = by_type[kind]
    if "SYSCALL" in by_type:
        kind, main = "SYSCALL", by_type["SYSCALL"]
    known = types().get(kind)
    out["event.action"] = known[0] if known else kind.lower()
    if known:
        out["event.category"], out["event.type"] = known[1].copy(), known[2].copy()
    if kind == "AVC" and "apparmor" in main:
        out["event.action"] = "violated-apparmor-policy"
    result = _RESULTS.get(main.get("res", main.get("success", "")).strip())
    if result:
        out["event.outcome"] = result
    put(out, "process.pid", main.get("pid"))
    put(out, "process.parent.pid", main.get("ppid"))
    _text(out, "process.executable", main.get("exe"))
    _text(out, "process.name", main.get("comm"))
    _text(out, "process.working_directory", main.get("cwd") or by_type.get("CWD", {}).get("cwd"))
    put(out, "process.exit_code", main.get("exit") if kind == "SYSCALL" else None)
    if kind == "SYSCALL":
        name = main.get("SYSCALL") or _SYSCALLS.get(main.get("arch", ""), {}).get(main.get("syscall", ""))
        if name:
            out.setdefault("auditd.log.SYSCALL", name)
            if len(by_type) > 1:
                out["event.action"] = _ACTIONS.get(name, out["event.action"])
            if name in ("execve", "execveat"):
                out["event.type"] = ["start"]
            elif name == "connect":
                out["network.direction"] = "egress"
    _users(out, main)
    _command(out, main, by_type)
    _ends(out, main, by_type)
    _text(out, "container.name", main.get("vm"))
    if kind in ("ADD_GROUP", "DEL_GROUP", "GRP_MGMT"):
        _text(out, "group.id", main.get("id"))
        _text(out, "group.name", main.get("grp") or main.get("acct"))


def _text(out: Out, field: str, value: str | None) -> None:
    if value is not None and value not in _NOTHING:
        out[field] = value


def _users(out: Out, main: Mapping[str, str]) -> None:
    """What programs report is about who signed in (``auid``); what the kernel reports, about who runs (``uid``)."""
    uid, auid, account = main.get("uid"), main.get("auid"), main.get("acct")
    _text(out, "user.audit.id", auid)
    _text(out, "user.audit.name", main.get("AUID"))
    categories = out.get("event.category", [])
    _text(out, "user.id", uid)
    _text(out, "user.name", main.get("UID"))
    _text(out, "user.effective.id", main.get("euid"))
    _text(out, "user.effective.name", main.get("EUID"))
    _text(out, "user.group.id", main.get("gid"))
    if {"iam", "authentication", "session"}.isdisjoint(categories):
        _text(out, "user.name", account)
        return
    if auid is not None and auid not in _UNSET:
        out["user.id"] = auid
        if "iam" in categories:
            _text(out, "user.effective.id", uid)
    if account is not None and account not in _NOTHING:
        out["user.name"] = account
        out["user.target.name" if "iam" in categories else "user.effective.name"] = account


def _command(out: Out, main: Mapping[str, str], by_type: Mapping[str, Mapping[str, str]]) -> None:
    execve = by_type.get("EXECVE")
    if execve:
        arguments = [v for n, v in execve.items() if n[:1] == "a" and n[1:2].isdecimal()]
        if arguments:
            out["process.args"] = arguments
            out["process.args_count"] = len(arguments)
            out["process.command_line"] = " ".join(arguments)
    command = main.get("cmd")
    if command is not None and command not in _NOTHING:
        out["process.command_line"] = command
        out["process.args"] = command.split()
    title = by_type.get("PROCTITLE", {}).get("proctitle")
    if title:
        out["process.title"] = title
        out.setdefault("process.command_line", title)


def _ends(out: Out, main: Mapping[str, str], by_type: Mapping[str, Mapping[str, str]]) -> None:
    """Addresses: of whom a program reports, of a socket, of a policy."""
    for name in ("addr", "src"):
        address = ip_text(main.get(name, ""))
        if address:
            out["source.ip"] = address
    host = main.get("hostname")
    if host and host not in _NOTHING and "source.ip" not in out and ip_text(host):
        out["source.ip"] = ip_text(host)
    destination = ip_text(main.get("dst", ""))
    if destination:
        out["destination.ip"] = destination
    address = by_type.get("SOCKADDR", {}).get("saddr", "")
    side = "destination" if out.get("network.direction") == "egress" else None
    found = _sockaddr(address)
    if found and side and len(by_type) > 1:
        out[f"{side}.ip"], out[f"{side}.port"] = found
        out["event.category"], out["event.type"] = ["network"], ["connection", "start"]


def _sockaddr(text: str) -> tuple[str, int] | None:
    """struct sockaddr_in and _in6 in hex: family little-endian, port and address in network order."""
    if not _HEX.match(text or "x"):
        return None
    raw = bytes.fromhex(text[:256])
    if raw[:2] == b"\x02\x00" and len(raw) >= 8:
        return ".".join(map(str, raw[4:8])), int.from_bytes(raw[2:4], "big")
    if raw[:2] == b"\x0a\x00" and len(raw) >= 24:
        address = IPv6Address(raw[8:24])
        return str(address.ipv4_mapped or address), int.from_bytes(raw[2:4], "big")
    return None


def _paths(out: Out, paths: list[dict[str, str]]) -> None:
    names = [p["name"] for p in paths if p.get("nametype") != "PARENT" and p.get("name", "?") not in _NOTHING]
    if names:
        # the first item of an execve is the program, the last of the others the file that was made or changed
        chosen = names[0] if out.get("auditd.log.SYSCALL") in ("execve", "execveat") else names[-1]
        directory = out.get("process.working_directory")
        if not chosen.startswith("/") and isinstance(directory, str):
            chosen = f"{directory.rstrip('/')}/{chosen}"
        out["file.path"] = chosen


_MADE = {"CREATE": "creation", "DELETE": "deletion"}
_CHANGING = frozenset((
    "chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "lchown", "setxattr", "fsetxattr", "lsetxattr",
    "truncate", "ftruncate", "rename", "renameat", "renameat2",
))  # fmt: skip
_FLAGS = {"open": "a1", "openat": "a2", "openat2": "a2"}
_ARGUMENT_VALUE = re.compile(r"[0-9a-f]{1,16}\Z")
_WRITES = 0o1003
"""O_WRONLY, O_RDWR, O_TRUNC."""


def _file_change(out: Out, call: Mapping[str, str], made: set[str]) -> None:
    """A file that was made, deleted or changed is what such an event is about, not the process."""
    name = str(out.get("auditd.log.SYSCALL"))
    kinds = [kind for nametype, kind in _MADE.items() if nametype in made]
    flags = call.get(_FLAGS.get(name, ""), "")
    opens = bool(_ARGUMENT_VALUE.match(flags)) and bool(int(flags, 16) & _WRITES)
    if not kinds and (opens or name in _CHANGING):
        kinds = ["change"]
    if kinds and "file.path" in out:
        out["event.category"], out["event.type"] = ["file"], kinds


PARSER = AuditdParser()
