"""QR codes (ISO/IEC 18004): bytes to a square of dark and light, as an authenticator app's camera reads it.

Byte mode, error correction L, versions 1 to 10 (271 bytes), which holds every address that we show; the mask is the
one with the fewest penalty points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from core.errors import BadInput

Square = list[list[bool | None]]

# by version 1 to 10 at level L: data codewords a block of the first kind, blocks of it and of the second kind (one
# codeword more), and codewords of correction a block
_BLOCKS = (
    (19, 1, 0, 7), (34, 1, 0, 10), (55, 1, 0, 15), (80, 1, 0, 20), (108, 1, 0, 26),
    (68, 2, 0, 18), (78, 2, 0, 20), (97, 2, 0, 24), (116, 2, 0, 30), (68, 2, 2, 18),
)  # fmt: skip
_ALIGNED = ((), (6, 18), (6, 22), (6, 26), (6, 30), (6, 34), (6, 22, 38), (6, 24, 42), (6, 26, 46), (6, 28, 50))
"""Where the small squares stand, by version."""
_MASKS: tuple[Callable[[int, int], bool], ...] = (
    lambda y, x: (y + x) % 2 == 0,
    lambda y, x: y % 2 == 0,
    lambda y, x: x % 3 == 0,
    lambda y, x: (y + x) % 3 == 0,
    lambda y, x: (y // 2 + x // 3) % 2 == 0,
    lambda y, x: y * x % 2 + y * x % 3 == 0,
    lambda y, x: (y * x % 2 + y * x % 3) % 2 == 0,
    lambda y, x: ((y + x) % 2 + y * x % 3) % 2 == 0,
)
_LEVEL = 0b01
_FINDER_LIKE = ([True, False, True, True, True, False, True], [False] * 4)


def rows(data: bytes) -> list[str]:
    """The square, a row a text of ``1`` (dark) and ``0``, without the quiet margin. Raises BadInput over 271 bytes."""
    version = next((v for v in range(1, 11) if len(data) <= _room(v)), None)
    if version is None:
        raise BadInput("too much for a QR code")
    bits = _interleaved(_codewords(data, version), version)
    square = _patterns(version)
    free = [(y, x) for y, x in _path(len(square)) if square[y][x] is None]
    bits += [False] * (len(free) - len(bits))
    best = min((_masked(square, free, bits, version, mask) for mask in range(8)), key=_penalty)
    return ["".join("1" if dark else "0" for dark in row) for row in best]


def _room(version: int) -> int:
    """Bytes that fit beside the mode and the length."""
    return _data_count(version) - (3 if version > 9 else 2)


def _data_count(version: int) -> int:
    size, first, second, _ = _BLOCKS[version - 1]
    return size * first + (size + 1) * second


def _codewords(data: bytes, version: int) -> bytes:
    """Mode, length, data and padding."""
    length = 16 if version > 9 else 8
    number = (0b0100 << length | len(data)) << 8 * len(data) | int.from_bytes(data)
    whole = (number << 4).to_bytes((length + 8) // 8 + len(data))
    return (whole + b"\xec\x11" * _data_count(version))[: _data_count(version)]


def _interleaved(data: bytes, version: int) -> list[bool]:
    size, first, second, correction = _BLOCKS[version - 1]
    blocks: list[bytes] = []
    start = 0
    for length in [size] * first + [size + 1] * second:
        blocks.append(data[start : start + length])
        start += length
    checks = [_remainder(block, correction) for block in blocks]
    mixed = [block[i] for i in range(size + 1) for block in blocks if i < len(block)]
    mixed += [check[i] for i in range(correction) for check in checks]
    return [bool(byte >> bit & 1) for byte in mixed for bit in range(7, -1, -1)]


def _times(a: int, b: int) -> int:
    """Multiply in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1."""
    product = 0
    for bit in range(7, -1, -1):
        product = product << 1 ^ (product >> 7) * 0x11D ^ (b >> bit & 1) * a
    return product


def _remainder(data: bytes, count: int) -> bytes:
    """Reed-Solomon's codewords of correction."""
    divisor = [0] * (count - 1) + [1]
    root = 1
    for _ in range(count):
        divisor = [_times(each, root) ^ after for each, after in zip(divisor, [*divisor[1:], 0], strict=True)]
        root = _times(root, 2)
    found = [0] * count
    for byte in data:
        factor = byte ^ found[0]
        found = [each ^ _times(part, factor) for each, part in zip([*found[1:], 0], divisor, strict=True)]
    return bytes(found)


def _patterns(version: int) -> Square:
    """What is the same for all data: finders, timing, alignment, version; places of the format are light as yet."""
    size = version * 4 + 17
    square: Square = [[None] * size for _ in range(size)]
    for i in range(size):
        square[6][i] = square[i][6] = i % 2 == 0
    for top, left in ((3, 3), (3, size - 4), (size - 4, 3)):
        for y in range(max(0, top - 4), min(size, top + 5)):
            for x in range(max(0, left - 4), min(size, left + 5)):
                square[y][x] = max(abs(y - top), abs(x - left)) not in (2, 4)
    places = _ALIGNED[version - 1]
    for top in places:
        for left in places:
            if (top, left) not in ((6, 6), (6, size - 7), (size - 7, 6)):
                for y in range(top - 2, top + 3):
                    for x in range(left - 2, left + 3):
                        square[y][x] = max(abs(y - top), abs(x - left)) != 1
    for y, x, _ in _format_places(size):
        square[y][x] = False
    square[size - 8][8] = True
    if version > 6:
        bits = version << 12 | _bch(version, 12, 0x1F25)
        for i in range(18):
            y, x = size - 11 + i % 3, i // 3
            square[y][x] = square[x][y] = bool(bits >> i & 1)
    return square


def _bch(value: int, bits: int, divisor: int) -> int:
    rest = value << bits
    for i in range(rest.bit_length(), bits, -1):
        if rest >> (i - 1) & 1:
            rest ^= divisor << (i - 1 - bits)
    return rest


def _format_places(size: int) -> Iterator[tuple[int, int, int]]:
    """Row, column and bit of both copies of the format."""
    around = [*range(6), 7, 8]
    for bit in range(8):
        yield around[bit], 8, bit
        yield 8, size - 1 - bit, bit
    for bit in range(8, 15):
        yield 8, [7, 5, 4, 3, 2, 1, 0][bit - 8], bit
        yield size - 15 + bit, 8, bit


def _path(size: int) -> Iterator[tuple[int, int]]:
    """The way of the data: two columns at a time from the right, up and down, past the column of timing."""
    for pair, right in enumerate([*range(size - 1, 6, -2), 5, 3, 1]):
        for step in range(size):
            y = step if pair % 2 else size - 1 - step
            yield y, right
            yield y, right - 1


def _masked(square: Square, free: list[tuple[int, int]], bits: list[bool], version: int, mask: int) -> list[list[bool]]:
    done = [[bool(dark) for dark in row] for row in square]
    for (y, x), dark in zip(free, bits, strict=True):
        done[y][x] = dark != _MASKS[mask](y, x)
    value = _LEVEL << 3 | mask
    word = (value << 10 | _bch(value, 10, 0x537)) ^ 0x5412
    for y, x, bit in _format_places(len(done)):
        done[y][x] = bool(word >> bit & 1)
    return done


def _penalty(square: list[list[bool]]) -> int:
    """How hard it is to read: long runs, blocks, what looks like a finder, too much of one shade."""
    size = len(square)
    points = 0
    for lines in (square, [list(column) for column in zip(*square, strict=True)]):
        for line in lines:
            run = 1
            for before, here in zip(line, [*line[1:], None], strict=True):
                if here is before:
                    run += 1
                    continue
                points += run - 2 if run >= 5 else 0
                run = 1
            finder, quiet = _FINDER_LIKE
            for i in range(size - 10):
                points += 40 * (line[i : i + 11] in (finder + quiet, quiet + finder))
    for y in range(size - 1):
        for x in range(size - 1):
            points += 3 * (square[y][x] == square[y][x + 1] == square[y + 1][x] == square[y + 1][x + 1])
    dark = sum(sum(row) for row in square)
    return points + 10 * (abs(dark * 20 - size * size * 10) // (size * size))
