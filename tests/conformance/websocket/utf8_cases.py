"""Byte sequences that are UTF-8 and such that aren't: boundaries of every form in RFC 3629."""

GREETING = "Hello-µ@ßöäüàá-UTF-8!!".encode()
KOSME = "κόσμε".encode()


def _encode(code: int, size: int) -> bytes:
    """The bit pattern of RFC 2279 for `code` in `size` bytes, allowed or not."""
    if size == 1:
        return bytes([code])
    tail = [0x80 | code >> 6 * i & 0x3F for i in reversed(range(size - 1))]
    lead = 0xFF << (8 - size) & 0xFF | code >> 6 * (size - 1)
    return bytes([lead, *tail])


VALID = {
    "empty": b"",
    "greeting": GREETING,
    "kosme": KOSME,
    "mixed": "aä€😀z".encode() * 11,
    "nul": b"\0",
    "bom": b"\xef\xbb\xbf",
    **{f"first-of-{size}": _encode(code, size) for size, code in ((2, 0x80), (3, 0x800), (4, 0x10000))},
    **{f"last-of-{size}": _encode(code, size) for size, code in ((1, 0x7F), (2, 0x7FF), (3, 0xFFFF), (4, 0x10FFFF))},
    **{f"around-{code:x}": chr(code).encode() for code in (0xD7FF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF, 0x10FFFE)},
    **{
        f"noncharacter-{plane:x}{low:x}": chr(plane << 16 | low).encode()
        for plane in (1, 2, 8, 0xF)
        for low in (0xFFFE, 0xFFFF)
    },
    "fdd0": "\ufdd0".encode(),
}

INVALID = {
    **{f"lone-continuation-{count}": b"\x80\xbf"[:1] * count for count in range(1, 8)},
    "last-continuation": b"\xbf",
    "all-continuations": bytes(range(0x80, 0xC0)),
    **{f"lone-lead-{lead:02x}": bytes([lead, 0x20]) for lead in (0xC2, 0xDF, 0xE0, 0xEF, 0xF0, 0xF4)},
    **{f"never-{byte:02x}": bytes([byte]) for byte in (0xC0, 0xC1, 0xF5, 0xF7, 0xF8, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF)},
    "fe-fe-ff-ff": b"\xfe\xfe\xff\xff",
    **{f"cut-after-{n}": "\U00010348".encode()[:n] for n in (1, 2, 3)},
    "cut-two": b"\xc3",
    "cut-three": b"\xe2\x82",
    **{f"overlong-slash-{size}": _encode(0x2F, size) for size in (2, 3, 4, 5, 6)},
    **{f"overlong-nul-{size}": _encode(0, size) for size in (2, 3, 4, 5, 6)},
    **{
        f"overlong-most-{size}": _encode(code, size)
        for size, code in ((2, 0x7F), (3, 0x7FF), (4, 0xFFFF), (5, 0x1FFFFF), (6, 0x3FFFFFF))
    },
    **{f"surrogate-{code:x}": _encode(code, 3) for code in (0xD800, 0xDB7F, 0xDB80, 0xDBFF, 0xDC00, 0xDF80, 0xDFFF)},
    "surrogate-pair": _encode(0xD800, 3) + _encode(0xDC00, 3),
    "beyond-the-last": _encode(0x110000, 4),
    "largest-of-4": _encode(0x1FFFFF, 4),
    "five": _encode(0x200000, 5),
    "six": _encode(0x4000000, 6),
    "kosme-and-surrogate": KOSME + b"\xed\xa0\x80" + b"edited",
    "kosme-and-beyond": KOSME + b"\xf4\x90\x80\x80" + b"edited",
}
