"""RFC 6455: what is UTF-8 and what isn't, against a deployed echo."""

import pytest
from peer import BINARY, CONTINUATION, TEXT, expect_echo, expect_failure, expect_goodbye, frame
from utf8_cases import INVALID, KOSME, VALID


@pytest.mark.parametrize("cut", ["whole", "bytes", "fragments"])
@pytest.mark.parametrize("name", VALID)
def test_6_text_that_is_utf8_comes_back(connect, name, cut):
    text = VALID[name]
    with connect() as peer:
        peer.send(cut_text(text, cut), 1 if cut == "bytes" else 0)
        expect_echo(peer, TEXT, text)
        expect_goodbye(peer)


@pytest.mark.parametrize("cut", ["whole", "bytes", "fragments"])
@pytest.mark.parametrize("name", INVALID)
def test_6_text_that_is_not_utf8_fails(connect, name, cut):
    with connect() as peer:
        peer.send(cut_text(INVALID[name], cut), 1 if cut == "bytes" else 0)
        expect_failure(peer, 1007)


def cut_text(text, cut):
    if cut != "fragments" or len(text) < 2:
        return frame(TEXT, text)
    parts = [frame(CONTINUATION, text[i : i + 1], fin=i == len(text) - 1) for i in range(1, len(text))]
    return frame(TEXT, text[:1], fin=False) + b"".join(parts)


@pytest.mark.parametrize("wrong", [b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff", b"\xc0\x80"], ids=bytes.hex)
@pytest.mark.parametrize("how", ["fragment", "chopped"])
def test_6_wrong_text_fails_before_its_message_is_complete(connect, how, wrong):
    with connect() as peer:
        if how == "fragment":
            peer.send(frame(TEXT, KOSME, fin=False) + frame(CONTINUATION, wrong, fin=False))
        else:
            whole = frame(TEXT, KOSME + wrong + b"never sent")
            peer.send(whole[: -len(b"never sent")])
        expect_failure(peer, 1007)


def test_6_wrong_bytes_in_binary_are_right(connect):
    with connect() as peer:
        peer.send(b"".join(frame(BINARY, text) for text in INVALID.values()))
        for text in INVALID.values():
            expect_echo(peer, BINARY, text)
