from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import ApiError, Elasticsearch

from core.clock import DAY, SystemClock
from core.errors import BadConfig, KydaiError, Unavailable
from core.store.contract import Batch, Query
from core.store.elastic import ElasticStore
from core.store.elastic_client import Cluster, told
from kydai import tls
from tests.core.store.conformance import event
from tests.services.elasticsearch import Node, free_port

OURS = {"x-elastic-product": "Elasticsearch"}


@contextmanager
def server(
    status: int,
    body: Mapping[str, Any],
    headers: Mapping[str, str],
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> Iterator[str]:
    """A server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = orjson.dumps(body)
            self.send_response(status)
            for name, value in {
                **headers,
                "content-type": "application/json",
                "content-length": str(len(data)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    http = ThreadingHTTPServer((host, 0), Handler)
    if tls is not None:
        http.socket = tls.wrap_socket(http.socket, server_side=True)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"{'http' if tls is None else 'https'}://{host}:{http.server_address[1]}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def refusal(url: str, **options: Any) -> KydaiError:
    cluster = Cluster([url], **options)
    with pytest.raises(KydaiError) as caught:
        cluster.check()
    cluster.close()
    return caught.value


@pytest.mark.parametrize(
    ("version", "headers", "found"),
    [
        ({"number": "7.17.28"}, OURS, "Elasticsearch 7.17.28"),
        ({"number": "8.19.2"}, OURS, "Elasticsearch 8.19.2"),
        ({"number": "3.2.0", "distribution": "opensearch"}, {}, "OpenSearch 3.2.0"),
        ({"number": "7.10.2"}, {}, "Elasticsearch 7.10.2"),
    ],
)
def test_what_is_no_elasticsearch_of_today_is_named(version: Any, headers: Any, found: str) -> None:
    with server(200, {"version": version}, headers) as url:
        error = refusal(url)
    assert isinstance(error, BadConfig)
    assert f"({found})" in error.told("en")
    assert f"({found})" in error.told("vi")


def test_another_web_server_is_none() -> None:
    with server(200, {"hello": 1}, {}) as url:
        assert "is not Elasticsearch" in str(refusal(url))


def test_the_key_is_refused_with_a_sentence() -> None:
    body = {"error": {"root_cause": [{"type": "security_exception", "reason": "no"}]}, "status": 401}
    with server(401, body, OURS) as url:
        error = refusal(url, key=lambda: "bm8=")
    assert isinstance(error, BadConfig)
    assert "refuses the API key" in str(error)


def test_what_the_key_may_not_do_is_said() -> None:
    body = {"error": {"root_cause": [{"type": "security_exception", "reason": "action [x] is unauthorized"}]}}
    with server(403, body, OURS) as url:
        error = refusal(url, key=lambda: "bm8=")
    assert isinstance(error, BadConfig)
    assert "action [x] is unauthorized" in str(error)


def test_nobody_at_the_address_is_said_in_one_sentence() -> None:
    error = refusal(f"http://127.0.0.1:{free_port()}")
    assert isinstance(error, Unavailable)
    assert "Connection refused" in str(error)
    assert "Traceback" not in str(error)


def secured(identity: tls.Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    return context


def test_only_the_ca_that_is_named_is_believed(tmp_path: Path) -> None:
    now = SystemClock().now()
    identity = tls.local(tmp_path / "ours", ["127.0.0.1"], now)
    other = tls.local(tmp_path / "theirs", ["127.0.0.1"], now)
    with server(200, {"version": {"number": "9.4.3"}}, OURS, secured(identity)) as url:
        cluster = Cluster([url], ca_file=tmp_path / "ours" / "ca.pem")
        cluster.check()
        cluster.close()
        for options in ({"ca_file": tmp_path / "theirs" / "ca.pem"}, {}):
            error = refusal(url, **options)
            assert isinstance(error, BadConfig)
            assert "does not come from the CA that is named" in str(error)
            assert "[elastic] ca_file" in str(error)
    assert other.certificate.exists()
    with pytest.raises(BadConfig, match="No such file"):
        Cluster(["https://127.0.0.1:1"], ca_file=tmp_path / "none.pem")


@pytest.mark.parametrize(("days", "said"), [(-500, "has expired. Renew"), (50, "is not valid yet. Look at this")])
def test_a_certificate_out_of_its_time_is_told_with_what_helps(tmp_path: Path, days: int, said: str) -> None:
    identity = tls.local(tmp_path, ["127.0.0.1"], SystemClock().now() + days * DAY)
    with server(200, {}, OURS, secured(identity)) as url:
        error = refusal(url, ca_file=tmp_path / "ca.pem")
    assert isinstance(error, BadConfig)
    assert said in str(error)


def test_a_certificate_for_another_name_is_not_accepted(tmp_path: Path) -> None:
    identity = tls.local(tmp_path, ["192.0.2.1"], SystemClock().now())
    with server(200, {}, OURS, secured(identity), "127.0.0.2") as url:
        error = refusal(url, ca_file=tmp_path / "ca.pem")
    assert isinstance(error, BadConfig)
    assert "127.0.0.2" in str(error)
    assert "is for another machine" in str(error)


def test_a_port_without_tls_is_told_as_such(tmp_path: Path) -> None:
    tls.local(tmp_path, [], SystemClock().now())
    with server(200, {}, OURS) as url:
        error = refusal(url.replace("http://", "https://"), ca_file=tmp_path / "ca.pem")
    assert isinstance(error, BadConfig)
    assert "does not speak TLS on this port" in str(error)


def test_a_key_that_is_wanted_and_not_named_is_asked_for() -> None:
    with server(401, {"error": {"type": "security_exception", "reason": "missing"}}, OURS) as url:
        error = refusal(url)
    assert isinstance(error, BadConfig)
    assert "wants an API key, and none is named" in str(error)
    assert "[elastic] key_file" in str(error)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(BadConfig):
        Cluster(["nowhere"])


def test_an_error_is_told_with_its_causes() -> None:
    body = {"error": {"type": "a", "reason": "b", "caused_by": {"reason": "c", "caused_by": {"reason": "b"}}}}
    assert told(body) == "a: b; c"
    assert told({"status": 409, "error": {"type": "x", "reason": "y"}}) == "x: y"
    assert told("plain") == "plain"


def test_a_running_read_is_ended_from_another_thread(elastic: Node) -> None:
    cluster = Cluster([elastic.url])
    begun = threading.Event()
    said: list[KydaiError] = []
    endless = {"script": {"script": {"source": "for (int i = 0; i < 900000; i++) {} return true"}}}
    index = f"t{free_port()}-slow"

    def work() -> None:
        with cluster.read() as read:
            begun.set()
            try:
                while True:
                    read.call(lambda es: es.search(index=index, query=endless))
            except Unavailable as error:
                said.append(error)

    create: dict[str, Any] = {"create": {}}
    lines: list[Any] = [line for i in range(2000) for line in (create, {"a": i})]
    try:
        cluster.call(lambda es: es.bulk(index=index, operations=lines, refresh=True))
        thread = threading.Thread(target=work)
        thread.start()
        begun.wait()
        assert cluster.interrupt(thread.ident) == 1
        thread.join(10)
        assert not thread.is_alive()
        assert "was stopped" in str(said[0])
        assert cluster.interrupt() == 0
    finally:
        Elasticsearch(elastic.url).indices.delete(index=index)
        cluster.close()


def test_a_password_in_an_address_is_in_no_sentence() -> None:
    cluster = Cluster([f"http://kydai:s3cret@127.0.0.1:{free_port()}"])
    with pytest.raises(Unavailable) as caught:
        cluster.check()
    assert "//127.0.0.1" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_read_asks_another_node_when_one_is_gone(elastic: Node) -> None:
    cluster = Cluster([f"http://127.0.0.1:{free_port()}", elastic.url])
    for _ in range(2):
        with cluster.read() as read:
            assert read.call(lambda es: es.cluster.health()).body["status"]
    cluster.close()


@pytest.mark.parametrize(("failures", "is_answered"), [(0, True), (2, True), (100, False)])
def test_a_read_waits_for_an_index_that_just_changes_its_place(failures: int, is_answered: bool) -> None:
    asked: list[Elasticsearch] = []

    def ask(es: Elasticsearch) -> str:
        asked.append(es)
        if len(asked) > failures:
            return "there"
        meta = ApiResponseMeta(503, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "127.0.0.1", 9200))
        raise ApiError("x", meta, {"error": {"type": "no_shard_available_action_exception", "reason": "moving"}})

    cluster = Cluster(["http://127.0.0.1:9"])
    with cluster.read() as read:
        if is_answered:
            assert read.call(ask) == "there"
            assert len(asked) == failures + 1
        else:
            with pytest.raises(Unavailable, match="moving"):
                read.call(ask)
    cluster.close()


def test_an_index_that_hides_its_settings_is_named(store: ElasticStore, es: Elasticsearch, prefix: str) -> None:
    store.append(Batch([event(1)]))
    name = f"{prefix}-level3-2026.w48"
    es.indices.put_settings(index=name, settings={"index.blocks.metadata": True})
    for ask in (lambda: store.count(Query()), store.stats):
        with pytest.raises(Unavailable, match=rf"{name} .*\(index\.blocks\.metadata\)"):
            ask()
    es.indices.put_settings(index=name, settings={"index.blocks.metadata": None})
    assert store.count(Query()).count == 1
