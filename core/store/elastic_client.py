"""A cluster as the engine sees it: calls that fail with a sentence, and reads that can be ended from elsewhere."""

from __future__ import annotations

import logging
import re
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any, TypeVar

from elastic_transport import NdjsonSerializer, OrjsonSerializer
from elasticsearch import (
    ApiError,
    AuthenticationException,
    AuthorizationException,
    ConnectionError,
    ConnectionTimeout,
    Elasticsearch,
    SSLError,
    TransportError,
    UnsupportedProductError,
)

from core.errors import BadConfig, KydaiError, Unavailable, cause, failure, reason
from core.store.elastic_names import addressable

T = TypeVar("T")

_TRIES, _MOMENT = 10, 0.1
_MOVING = "no_shard_available_action_exception"
"""What is said of an index that another just takes the place of, or whose shard just moves: in a moment it is there."""

# it warns of every call that fails; what fails is ours to tell, once
logging.getLogger("elastic_transport").setLevel(logging.ERROR)

READ_SECONDS = 55.0
"""After this the server gives what it has, and says that it is not all."""
_CALL_SECONDS = 60.0
_PASSWORD = re.compile(r"//[^/]*@")
"""What stands in an address before the machine, and in no sentence."""
_CONNECTIONS = 10
_HIDDEN = re.compile(r"index \[([^\]]+)\] blocked by: \[FORBIDDEN/9/")
"""What is said of an index of which a block hides settings and mapping (``index.blocks.metadata``)."""
_OLDEST = 9
_JSON = {"accept": "application/json"}
_DISTRUSTED = {
    9: "young",
    10: "expired",
    18: "issuer",
    19: "issuer",
    20: "issuer",
    21: "issuer",
    62: "name",
    64: "name",
}
"""What OpenSSL finds wrong with a certificate (X509_V_ERR_*) that has a remedy of its own."""
_STOP_TRIES = 100
_STOP_SECONDS = 5.0
_STOP_EVERY = 0.02


class _Lines(NdjsonSerializer):
    """Bytes are sent as they are, without the client's two copies of them."""

    mimetype = "application/vnd.elasticsearch+x-ndjson"

    def dumps(self, data: Any) -> bytes:
        return data if isinstance(data, bytes) else super().dumps(data)


class Cluster:
    """The cluster at ``urls``. To be made after a fork, never shared across one; for any number of threads.

    ``key`` gives the API key. It is asked again when the cluster refuses the one it has: a key may be replaced while
    we run.
    """

    def __init__(
        self, urls: Sequence[str], *, key: Callable[[], str] | None = None, ca_file: Path | None = None
    ) -> None:
        self.url = ", ".join(_PASSWORD.sub("//", url) for url in urls)
        self.nodes = len(urls)
        self._read_key = key
        self._key = None if key is None else key()
        options: dict[str, Any] = {}
        if self._key is not None:
            options["api_key"] = self._key
        if ca_file is not None:
            options["ca_certs"] = str(ca_file)
        try:
            if ca_file is not None:
                ssl.create_default_context(cafile=ca_file)  # the client would not look before the first call
            self.client = Elasticsearch(
                list(urls),
                request_timeout=_CALL_SECONDS,
                max_retries=0,
                connections_per_node=_CONNECTIONS,
                serializers={"application/json": OrjsonSerializer(), _Lines.mimetype: _Lines()},
                **options,
            )
        except (ValueError, OSError) as error:
            why = cause(error) if isinstance(error, OSError) else reason(error)
            raise failure(BadConfig, "store.elastic.settings", url=self.url, reason=why) from error
        self._lock = threading.Lock()
        self._reads: dict[int, list[Read]] = {}

    def call(self, ask: Callable[[Elasticsearch], T]) -> T:
        """What ``ask`` gets of the client. Raises Unavailable or BadConfig."""
        try:
            return ask(self.client)
        except (TransportError, ApiError) as error:
            raise self.failed(error) from error

    def each(self, names: Sequence[str], ask: Callable[[Sequence[str], Elasticsearch], T]) -> list[T]:
        """What ``ask`` gets for the names, of as many at a time as one address takes. Raises as ``call``."""
        return [self.call(partial(ask, some)) for some in addressable(names)]

    def check(self) -> None:
        """Raises BadConfig when what answers is no Elasticsearch that we can use, Unavailable when nobody does."""
        try:
            # without the client's own media types, which older servers refuse before they say what they are
            answer = self.client.perform_request("GET", "/", headers=_JSON).body
        except UnsupportedProductError as error:
            raise self._other(error.body) from error
        except (TransportError, ApiError) as error:
            raise self.failed(error) from error
        number = str(_version(answer).get("number", ""))
        if not number.partition(".")[0].isdecimal() or int(number.partition(".")[0]) < _OLDEST:
            raise self._other(answer)

    def _other(self, answer: object) -> BadConfig:
        version = _version(answer)
        name = {"opensearch": "OpenSearch"}.get(str(version.get("distribution", "")), "Elasticsearch")
        found = f"{name} {version['number']}"[:60] if "number" in version else "?"
        return failure(BadConfig, "store.elastic.product", url=self.url, found=found)

    def failed(self, error: TransportError | ApiError) -> KydaiError:
        """An error of the client in our words."""
        if isinstance(error, SSLError):
            return failure(BadConfig, _distrust(error), url=self.url, reason=reason(_innermost(error)))
        if isinstance(error, ConnectionTimeout):
            return failure(Unavailable, "store.elastic.slow", url=self.url)
        if isinstance(error, ConnectionError):
            return failure(Unavailable, "store.elastic.away", url=self.url, reason=reason(_innermost(error)))
        if isinstance(error, UnsupportedProductError):
            return self._other(error.body)
        said = told(error.body) if isinstance(error, ApiError) else ""
        if hidden := _HIDDEN.search(said):
            return failure(Unavailable, "store.elastic.hidden", name=hidden[1])
        if isinstance(error, AuthenticationException):
            self._renew_key()
            return failure(
                BadConfig, "store.elastic.no_key" if self._key is None else "store.elastic.key", url=self.url
            )
        if isinstance(error, AuthorizationException) and "block" not in said:
            return failure(BadConfig, "store.elastic.rights", url=self.url, reason=reason(said))
        return failure(Unavailable, "store.error.no_answer", reason=reason(said or str(error)))

    def _renew_key(self) -> None:
        """Take another key for the calls to come, if there is one by now."""
        if self._read_key is None:
            return
        with suppress(KydaiError), self._lock:  # a file that is just being replaced: the next call looks again
            fresh = self._read_key()
            if fresh != self._key:
                self._key = fresh
                self.client = self.client.options(api_key=fresh)

    @contextmanager
    def read(self) -> Iterator[Read]:
        """One read, of any number of calls, which ``interrupt`` ends as a whole."""
        thread = threading.get_ident()
        read = Read(self)
        with self._lock:
            self._reads.setdefault(thread, []).append(read)
        try:
            yield read
        finally:
            read.ended.set()
            with self._lock:
                mine = self._reads[thread]
                mine.remove(read)
                if not mine:
                    del self._reads[thread]

    def interrupt(self, thread: int | None = None) -> int:
        """End the running reads (of one thread, by ``threading.get_ident()``, or all); how many there were.

        Each raises Unavailable in its own thread.
        """
        with self._lock:
            reads = [r for t, of_thread in self._reads.items() if thread in (None, t) for r in of_thread]
        for read in reads:
            read.stopped = True
        # a search that has not begun there cannot be cancelled yet: repeat until all are over
        for _ in range(_STOP_TRIES):
            left = {read.opaque_id for read in reads if not read.ended.is_set()}
            if not left:
                break
            self._cancel(left)
            for read in reads:
                read.ended.wait(_STOP_EVERY / len(reads))
        return len(reads)

    def _cancel(self, opaque_ids: set[str]) -> None:
        ask = self.client.options(request_timeout=_STOP_SECONDS).perform_request
        try:
            # by path: of its methods for these the client warns that they may change
            found = ask("GET", "/_tasks", params={"actions": "indices:data/read/*", "group_by": "none"}, headers=_JSON)
            for task in found.body["tasks"]:
                if task.get("headers", {}).get("X-Opaque-Id") in opaque_ids and "parent_task_id" not in task:
                    ask("POST", f"/_tasks/{task['node']}:{task['id']}/_cancel", headers=_JSON)
        except (TransportError, ApiError):
            return  # the next round tries again

    def close(self) -> None:
        self.interrupt()
        self.client.close()


class Read:
    """Calls of one read. Each raises Unavailable when it was stopped from another thread."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.opaque_id = f"kydai-{uuid.uuid4().hex}"
        # a node that is gone costs a read nothing while another answers
        self._client = cluster.client.options(opaque_id=self.opaque_id, max_retries=cluster.nodes - 1)
        self.stopped = False
        self.ended = threading.Event()

    def call(self, ask: Callable[[Elasticsearch], T]) -> T:
        """What ``ask`` gets of the client. Raises Unavailable or BadConfig."""
        for left in reversed(range(_TRIES)):
            self.check()
            try:
                answer = ask(self._client)
            except (TransportError, ApiError) as error:
                self.check(error)
                if left and isinstance(error, ApiError) and told(error.body).startswith(_MOVING):
                    sleep(_MOMENT)
                    continue
                raise self._cluster.failed(error) from error
            break
        self.check()
        return answer

    def check(self, why: Exception | None = None) -> None:
        """Raises Unavailable when the read was stopped."""
        if self.stopped:
            raise failure(Unavailable, "store.error.stopped") from why


def told(body: object) -> str:
    """What a server says went wrong, as ``type: reason``."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if not isinstance(error, Mapping):
        return str(error or "")
    causes = error.get("root_cause") or [error]
    cause = causes[0] if isinstance(causes[0], Mapping) else error
    texts = [str(cause.get("reason") or "")]
    deeper = error.get("caused_by")
    while isinstance(deeper, Mapping):
        texts.append(str(deeper.get("reason") or ""))
        deeper = deeper.get("caused_by")
    distinct = dict.fromkeys(text for text in texts if text)
    return f"{cause.get('type', 'error')}: {'; '.join(distinct)}"


def _distrust(error: SSLError) -> str:
    """The words for what is wrong with a connection's TLS."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError) and inner.verify_code in _DISTRUSTED:
            return f"store.elastic.certificate_{_DISTRUSTED[inner.verify_code]}"
        if isinstance(inner, ssl.SSLError) and inner.reason == "WRONG_VERSION_NUMBER":
            return "store.elastic.no_tls"
        if "doesn't match" in str(inner):  # urllib3 looks at names itself
            return "store.elastic.certificate_name"
        # the client chains what it raises, urllib3 wraps
        inner = inner.__cause__ or next((each for each in inner.args if isinstance(each, Exception)), None)
    return "store.elastic.certificate"


def _version(answer: object) -> Mapping[str, Any]:
    version = answer.get("version") if isinstance(answer, Mapping) else None
    return version if isinstance(version, Mapping) else {}


def _innermost(error: TransportError | ApiError) -> str:
    """The library's own sentence, which the client wraps."""
    inner: Any = error
    while isinstance(inner, TransportError) and inner.errors:
        inner = inner.errors[-1]
    return str(getattr(inner, "reason", None) or getattr(inner, "message", None) or inner)
