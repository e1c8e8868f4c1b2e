"""Windows events as NXLog ``to_json`` (syslog TCP) and as Winlogbeat (HTTP) write them."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from core.clock import Micros, from_micros, iso
from kydai.demo.emission import Emission, Transport
from kydai.demo.voice import json_line, local, seconds, syslog
from kydai.demo.world import Host

SECURITY = "Microsoft-Windows-Security-Auditing"
SYSMON = "Microsoft-Windows-Sysmon"
SERVICES = "Service Control Manager"

_GUIDS = {
    SECURITY: "{54849625-5478-4994-A5BA-3E3B0328C30D}",
    SYSMON: "{5770385F-C22A-43E0-BF4C-06F5698FFBD9}",
    SERVICES: "{555908D1-A6D7-4695-8E1E-26931D2012F4}",
}
_CHANNELS = {SECURITY: "Security", SYSMON: "Microsoft-Windows-Sysmon/Operational", SERVICES: "System"}
_TASKS = {
    4624: (12544, "Logon", "An account was successfully logged on."),
    4625: (12544, "Logon", "An account failed to log on."),
    4634: (12545, "Logoff", "An account was logged off."),
    4648: (12544, "Logon", "A logon was attempted using explicit credentials."),
    4672: (12548, "Special Logon", "Special privileges assigned to new logon."),
    4688: (13312, "Process Creation", "A new process has been created."),
    4719: (13568, "Audit Policy Change", "System audit policy was changed."),
    4768: (14339, "Kerberos Authentication Service", "A Kerberos authentication ticket (TGT) was requested."),
    4769: (14337, "Kerberos Service Ticket Operations", "A Kerberos service ticket was requested."),
    4771: (14339, "Kerberos Authentication Service", "Kerberos pre-authentication failed."),
    4776: (14336, "Credential Validation", "The computer attempted to validate the credentials for an account."),
    7036: (0, "None", "A service changed its state."),
    7045: (0, "None", "A service was installed in the system."),
    1: (1, "Process Create (rule: ProcessCreate)", "Process Create:"),
    3: (3, "Network connection detected (rule: NetworkConnect)", "Network connection detected:"),
    11: (11, "File created (rule: FileCreate)", "File created:"),
}
_KEYWORDS = {
    "AUDIT_FAILURE": -9218868437227405312,
    "AUDIT_SUCCESS": -9214364837600034816,
    "INFO": -9223372036854775808,
}
_SID = "S-1-5-21-3114527810-2918360174-1842605591"


@dataclass(frozen=True, slots=True)
class Windows:
    """One Windows event before it is put into a shipper's shape."""

    event_id: int
    provider: str
    data: dict[str, str] = field(default_factory=dict)
    failure: bool = False
    message: str = ""


def utc_time(at: Micros) -> str:
    """Sysmon's UtcTime: ``2026-11-24 14:20:00.123``."""
    return from_micros(at).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def sid(account: str) -> str:
    """A stable, made-up SID of a domain account."""
    return f"{_SID}-{1100 + sum(account.encode()) % 7000}"


def windows(host: Host, at: Micros, event: Windows, record: int, story: str | None = None) -> Emission:
    """The event in the shape of the host's shipper; ``record`` is its EventRecordID."""
    if host.windows == "winlogbeat":
        return json_line(host, at, _winlogbeat(host, at, event, record), story)
    body = orjson.dumps(_nxlog(host, at, event, record)).decode()
    return syslog(
        host,
        at,
        f"{event.provider.replace(' ', '_')}[{_emitter(event)}]",
        body,
        pri=13,
        transport=Transport.SYSLOG_TCP,
        story=story,
    )


def full_name(host: Host) -> str:
    return f"{host.name}.bachvan.example"


def _emitter(event: Windows) -> int:
    return {SECURITY: 744, SYSMON: 2860, SERVICES: 712}[event.provider]


def _nxlog(host: Host, at: Micros, event: Windows, record: int) -> dict[str, object]:
    task, category, message = _TASKS[event.event_id]
    shown = seconds(host.clock(at))
    kind = "AUDIT_FAILURE" if event.failure else "AUDIT_SUCCESS" if event.provider == SECURITY else "INFO"
    return {
        "EventTime": local(shown, host.spoken_zone, "%Y-%m-%d %H:%M:%S"),
        "Hostname": full_name(host),
        "Keywords": _KEYWORDS[kind],
        "EventType": kind,
        "SeverityValue": 4 if event.failure else 2,
        "Severity": "ERROR" if event.failure else "INFO",
        "EventID": event.event_id,
        "SourceName": event.provider,
        "ProviderGuid": _GUIDS[event.provider],
        "Version": 2,
        "Task": task,
        "OpcodeValue": 0,
        "RecordNumber": record,
        "ProcessID": _emitter(event),
        "ThreadID": 4812,
        "Channel": _CHANNELS[event.provider],
        "Message": event.message or message,
        "Category": category,
        "Opcode": "Info",
        **event.data,
        "EventReceivedTime": local(shown + 1, host.spoken_zone, "%Y-%m-%d %H:%M:%S"),
        "SourceModuleName": "in_eventlog",
        "SourceModuleType": "im_msvistalog",
    }


def _winlogbeat(host: Host, at: Micros, event: Windows, record: int) -> dict[str, object]:
    _, category, message = _TASKS[event.event_id]
    stamp = iso(host.clock(at))[:-4] + "Z"
    return {
        "@timestamp": stamp,
        "@metadata": {"beat": "winlogbeat", "type": "_doc", "version": "8.17.0"},
        "agent": {"name": host.name, "type": "winlogbeat", "version": "8.17.0"},
        "ecs": {"version": "8.0.0"},
        "event": {
            "action": category,
            "code": str(event.event_id),
            "kind": "event",
            "provider": event.provider,
            "outcome": "failure" if event.failure else "success",
            "created": iso(at + 900_000)[:-4] + "Z",
        },
        "host": {"name": full_name(host)},
        "log": {"level": "information"},
        "message": event.message or message,
        "winlog": {
            "api": "wineventlog",
            "channel": _CHANNELS[event.provider],
            "computer_name": full_name(host),
            "event_data": event.data,
            "event_id": str(event.event_id),
            "keywords": ["Audit Failure" if event.failure else "Audit Success"],
            "opcode": "Info",
            "process": {"pid": _emitter(event), "thread": {"id": 4812}},
            "provider_guid": _GUIDS[event.provider],
            "provider_name": event.provider,
            "record_id": record,
            "task": category,
            "version": 2,
        },
    }


def _subject(account: str, domain: str, logon: str) -> dict[str, str]:
    return {
        "SubjectUserSid": sid(account),
        "SubjectUserName": account,
        "SubjectDomainName": domain,
        "SubjectLogonId": logon,
    }


def logon(
    account: str, domain: str, kind: int, source: str, port: int, logon_id: str, workstation: str = "-"
) -> Windows:
    """4624; ``kind`` 2 interactive, 3 network, 5 service, 10 remote desktop."""
    return Windows(
        4624,
        SECURITY,
        {
            "SubjectUserSid": "S-1-0-0",
            "SubjectUserName": "-",
            "SubjectDomainName": "-",
            "SubjectLogonId": "0x0",
            "TargetUserSid": sid(account),
            "TargetUserName": account,
            "TargetDomainName": domain,
            "TargetLogonId": logon_id,
            "LogonType": str(kind),
            "LogonProcessName": "User32 " if kind in (2, 10) else "Kerberos",
            "AuthenticationPackageName": "Negotiate" if kind in (2, 10) else "Kerberos",
            "WorkstationName": workstation,
            "LogonGuid": "{00000000-0000-0000-0000-000000000000}",
            "TransmittedServices": "-",
            "LmPackageName": "-",
            "KeyLength": "0",
            "ProcessId": "0x0",
            "ProcessName": "-",
            "IpAddress": source,
            "IpPort": str(port),
            "ImpersonationLevel": "%%1833",
            "ElevatedToken": "%%1842",
        },
    )


def logon_failed(
    account: str, domain: str, kind: int, source: str, port: int, workstation: str, *, known: bool = True
) -> Windows:
    """4625: sub-status 0xC000006A a wrong password, 0xC0000064 an unknown name."""
    return Windows(
        4625,
        SECURITY,
        {
            "SubjectUserSid": "S-1-0-0",
            "SubjectUserName": "-",
            "SubjectDomainName": "-",
            "SubjectLogonId": "0x0",
            "TargetUserSid": "S-1-0-0",
            "TargetUserName": account,
            "TargetDomainName": domain,
            "Status": "0xc000006d",
            "FailureReason": "%%2313",
            "SubStatus": "0xc000006a" if known else "0xc0000064",
            "LogonType": str(kind),
            "LogonProcessName": "NtLmSsp ",
            "AuthenticationPackageName": "NTLM",
            "WorkstationName": workstation,
            "TransmittedServices": "-",
            "LmPackageName": "-",
            "KeyLength": "0",
            "ProcessId": "0x0",
            "ProcessName": "-",
            "IpAddress": source,
            "IpPort": str(port),
        },
        failure=True,
    )


def logoff(account: str, domain: str, kind: int, logon_id: str) -> Windows:
    return Windows(
        4634,
        SECURITY,
        {
            "TargetUserSid": sid(account),
            "TargetUserName": account,
            "TargetDomainName": domain,
            "TargetLogonId": logon_id,
            "LogonType": str(kind),
        },
    )


def special(account: str, domain: str, logon_id: str) -> Windows:
    return Windows(
        4672,
        SECURITY,
        {
            **_subject(account, domain, logon_id),
            "PrivilegeList": "SeBackupPrivilege\r\n\t\t\tSeRestorePrivilege\r\n\t\t\tSeDebugPrivilege",
        },
    )


def process(
    account: str, domain: str, logon_id: str, image: str, command: str, parent: str, pid: int, parent_pid: int
) -> Windows:
    """4688 with the command line (the policy that includes it is on)."""
    return Windows(
        4688,
        SECURITY,
        {
            **_subject(account, domain, logon_id),
            "NewProcessId": hex(pid),
            "NewProcessName": image,
            "TokenElevationType": "%%1937",
            "ProcessId": hex(parent_pid),
            "CommandLine": command,
            "TargetUserSid": "S-1-0-0",
            "TargetUserName": "-",
            "TargetDomainName": "-",
            "TargetLogonId": "0x0",
            "ParentProcessName": parent,
            "MandatoryLabel": "S-1-16-12288",
        },
    )


def kerberos(
    event_id: int, account: str, source: str, port: int, service: str = "krbtgt", *, encryption: str = "0x12"
) -> Windows:
    """4768 (ticket), 4769 (service ticket) or 4771 (wrong password); ``encryption`` 0x12 is AES, 0x17 RC4."""
    data = {
        "TargetUserName": account,
        "TargetSid": sid(account),
        "ServiceName": service,
        "IpAddress": f"::ffff:{source}",
        "IpPort": str(port),
    }
    if event_id == 4771:
        return Windows(
            4771, SECURITY, data | {"TicketOptions": "0x40810010", "Status": "0x18", "PreAuthType": "2"}, failure=True
        )
    return Windows(
        event_id,
        SECURITY,
        data
        | {
            "TargetDomainName": "BACHVAN.EXAMPLE",
            "TicketOptions": "0x40810000",
            "Status": "0x0",
            "TicketEncryptionType": encryption,
        },
    )


def service_state(name: str, state: str) -> Windows:
    """7036; ``state`` is ``stopped`` or ``running``."""
    return Windows(
        7036, SERVICES, {"param1": name, "param2": state}, message=f"The {name} service entered the {state} state."
    )


def service_installed(name: str, image: str, account: str) -> Windows:
    return Windows(
        7045,
        SERVICES,
        {
            "ServiceName": name,
            "ImagePath": image,
            "ServiceType": "user mode service",
            "StartType": "demand start",
            "AccountName": account,
        },
        message=f"A service was installed in the system. Service Name: {name}",
    )


def sysmon_process(
    stamp: str,
    user: str,
    image: str,
    command: str,
    folder: str,
    parent: str,
    parent_command: str,
    pid: int,
    parent_pid: int,
) -> Windows:
    """Sysmon 1. ``stamp`` is UtcTime (``2026-11-24 14:20:00.123``)."""
    return Windows(
        1,
        SYSMON,
        {
            "RuleName": "-",
            "UtcTime": stamp,
            "ProcessGuid": _guid(pid),
            "ProcessId": str(pid),
            "Image": image,
            "FileVersion": "10.0.20348.1",
            "Description": "-",
            "Product": "Microsoft Windows Operating System",
            "Company": "Microsoft Corporation",
            "OriginalFileName": image.rsplit("\\", 1)[-1],
            "CommandLine": command,
            "CurrentDirectory": folder,
            "User": user,
            "LogonGuid": _guid(0x3E7),
            "LogonId": "0x5a1c3",
            "TerminalSessionId": "0",
            "IntegrityLevel": "High",
            "Hashes": f"SHA256={pid * 2654435761 % 2**256:064X}",
            "ParentProcessGuid": _guid(parent_pid),
            "ParentProcessId": str(parent_pid),
            "ParentImage": parent,
            "ParentCommandLine": parent_command,
            "ParentUser": user,
        },
    )


def sysmon_file(stamp: str, user: str, image: str, target: str, pid: int) -> Windows:
    """Sysmon 11: a file was made or overwritten."""
    return Windows(
        11,
        SYSMON,
        {
            "RuleName": "-",
            "UtcTime": stamp,
            "ProcessGuid": _guid(pid),
            "ProcessId": str(pid),
            "Image": image,
            "TargetFilename": target,
            "CreationUtcTime": stamp,
            "User": user,
        },
    )


def _guid(number: int) -> str:
    return f"{{9f3c2a10-0000-6510-{number % 65536:04x}-000000000700}}"
