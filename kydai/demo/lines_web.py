"""Lines of web servers and applications: nginx, Apache, Tomcat, IIS W3C, Keycloak and our own JSON."""

from __future__ import annotations

from core.clock import Micros, from_micros
from kydai.demo.emission import Emission
from kydai.demo.voice import LOCAL0_INFO, ecs, json_line, local, millis, seconds, syslog
from kydai.demo.world import Host

IIS_FIELDS = (
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) "
    "sc-status sc-substatus sc-win32-status time-taken"
)


def access(
    host: Host,
    at: Micros,
    tag: str,
    client: str,
    method: str,
    target: str,
    status: int,
    size: int,
    agent: str,
    *,
    referrer: str = "-",
    user: str = "-",
    story: str | None = None,
) -> Emission:
    """The combined log format of nginx and Apache; ``tag`` is the program (nginx, apache2, tomcat)."""
    stamp = local(seconds(host.clock(at)), host.spoken_zone, "%d/%b/%Y:%H:%M:%S %z")
    text = f'{client} - {user} [{stamp}] "{method} {target} HTTP/1.1" {status} {size} "{referrer}" "{agent}"'
    return syslog(host, at, tag, text, pri=LOCAL0_INFO, story=story)


def iis(
    host: Host,
    at: Micros,
    client: str,
    method: str,
    stem: str,
    query: str,
    status: int,
    took_ms: int,
    agent: str,
    *,
    referrer: str = "-",
    user: str = "-",
    substatus: int = 0,
    port: int = 443,
    story: str | None = None,
) -> Emission:
    """IIS 10 with its default fields; W3C times are UTC, spaces in values are written as ``+``."""
    stamp = local(seconds(host.clock(at)), "UTC", "%Y-%m-%d %H:%M:%S")
    win32 = {404: 2, 401: 5}.get(status, 0)
    text = (
        f"{stamp} {host.address} {method} {stem} {query or '-'} {port} {user} {client} {agent.replace(' ', '+')} "
        f"{referrer} {status} {substatus} {win32} {took_ms}"
    )
    return syslog(host, at, "iis", text, pri=LOCAL0_INFO, story=story)


def iis_header(host: Host, at: Micros) -> Emission:
    """The directive that names the columns, written when a file begins."""
    return syslog(host, at, "iis", IIS_FIELDS, pri=LOCAL0_INFO)


def keycloak(
    host: Host,
    at: Micros,
    sequence: int,
    event: str,
    *,
    client: str,
    account: str,
    user_id: str,
    address: str,
    error: str = "",
    thread: int = 1,
    story: str | None = None,
) -> Emission:
    """Keycloak 24+ with ``--log-console-output=json``: the event is the message, key="value" pairs."""
    shown = host.clock(at)
    failed = f', error="{error}"' if error else ""
    message = (
        f'type="{event}", realmId="7fb34d1f-ea30-4f13-ab20-f6910f191f59", realmName="bachvan", clientId="{client}", '
        f'userId="{user_id}", ipAddress="{address}"{failed}, auth_method="openid-connect", auth_type="code", '
        f'redirect_uri="https://{client}.bachvan.example/oidc/callback", code_id="{user_id}", username="{account}"'
    )
    return json_line(
        host,
        at,
        {
            "timestamp": f"{from_micros(shown, host.spoken_zone).isoformat(timespec='milliseconds')}",
            "sequence": sequence,
            "loggerClassName": "org.jboss.logging.Logger",
            "loggerName": "org.keycloak.events",
            "level": "WARN" if error else "INFO",
            "message": message,
            "threadName": f"executor-thread-{thread}",
            "threadId": 40 + thread,
            "mdc": {},
            "ndc": "",
            "hostName": host.name,
            "processName": "keycloak",
            "processId": 1,
        },
        story,
    )


def api_access(
    host: Host,
    at: Micros,
    dataset: str,
    *,
    client: str,
    method: str,
    path: str,
    status: int,
    size: int,
    took_ms: int,
    agent: str,
    account: str = "",
    action: str = "",
    story: str | None = None,
    extra: dict[str, object] | None = None,
) -> Emission:
    """The JSON access log of our own services, in ECS names."""
    fields: dict[str, object] = {
        "event.category": ["web"],
        "event.outcome": "success" if status < 400 else "failure",
        "event.duration": took_ms * 1_000_000,
        "source.ip": client,
        "http.request.method": method,
        "url.path": path,
        "http.response.status_code": status,
        "http.response.body.bytes": size,
        "user_agent.original": agent,
    }
    if account:
        fields["user.name"] = account
    if action:
        fields["event.action"] = action
    return ecs(host, at, dataset, fields | (extra or {}), story)


def tomcat_stamp(at: Micros, zone: str) -> str:
    """Tomcat's catalina.out stamp: ``24-Nov-2026 10:00:00.123``."""
    return f"{local(seconds(at), zone, '%d-%b-%Y %H:%M:%S')}.{millis(at):03d}"
