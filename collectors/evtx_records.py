"""The records of a Windows event log (EVTX): the oldest first, also where the log is a ring that has begun anew."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

from core.errors import BadInput, Place, failure, reason

HEADER, CHUNK = 4096, 65536
_MAGIC = b"ElfChnk\0"


def read(data: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """Each record with its count from 1, as JSON. Raises BadInput where the file is damaged or cut off."""
    from evtx import PyEvtxParser

    size = len(data)
    if size < HEADER or (size > HEADER and data[HEADER:][:8] != _MAGIC):
        raise failure(BadInput, "collectors.evtx_damaged", place=Place(name))
    try:
        for count, record in enumerate(PyEvtxParser(io.BytesIO(_from_the_oldest(data))).records_json(), 1):
            if record is not None:
                yield count, record["data"].encode()
    except RuntimeError as error:
        raise failure(BadInput, "collectors.evtx", place=Place(name), reason=reason(error)) from error
    if size < (whole := HEADER + CHUNK * int.from_bytes(data[42:44], "little")):
        raise failure(BadInput, "collectors.evtx_short", place=Place(name), size=size, whole=whole)


def number(text: bytes) -> int:
    """The log's own number of a record; 0 when it has none."""
    try:
        found = json.loads(text)["Event"]["System"]["EventRecordID"]
    except (ValueError, LookupError, TypeError):
        return 0
    # kept in a database, whose numbers are signed
    return found if isinstance(found, int) and 0 <= found < 1 << 63 else 0


def _from_the_oldest(data: bytes) -> bytes:
    """The file with its chunks in the order in which they were written: a full log begins again at its first."""
    chunks = [data[at : at + CHUNK] for at in range(HEADER, len(data), CHUNK)]
    firsts = [int.from_bytes(chunk[24:32], "little") for chunk in chunks if chunk.startswith(_MAGIC)]
    if firsts == sorted(firsts):
        return data
    used = [chunk for chunk in chunks if chunk.startswith(_MAGIC)]
    rest = [chunk for chunk in chunks if not chunk.startswith(_MAGIC)]
    return b"".join([data[:HEADER], *sorted(used, key=lambda chunk: chunk[24:32][::-1]), *rest])
