"""Whose address a request comes from, and whether a page of ours made it."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from bot.kernel.errors import Forbidden, Misconfigured
from bot.web.peers import Peers, require_own_page

URL = "https://pay.example.com"


def address(peer: str, forwarded: str | list[str], trusted: tuple[str, ...]) -> str | None:
    lines = [forwarded] if isinstance(forwarded, str) else forwarded
    request = make_mocked_request("GET", "/", headers=[("X-Forwarded-For", line) for line in lines if line])
    return Peers(trusted).address(request.clone(remote=peer))


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "found"),
    [
        ("198.51.100.1", "", (), "198.51.100.1"),
        ("198.51.100.1", "203.0.113.7", (), "198.51.100.1"),
        ("198.51.100.1", "203.0.113.7", ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.2", "203.0.113.7", ("10.0.0.0/8",), "203.0.113.7"),
        ("10.0.0.2", "6.6.6.6, 203.0.113.7", ("10.0.0.0/8",), "203.0.113.7"),
        ("10.0.0.2", "6.6.6.6, 203.0.113.7, 10.0.0.3", ("10.0.0.0/8",), "203.0.113.7"),
        ("10.0.0.2", ["6.6.6.6", "203.0.113.7"], ("10.0.0.0/8",), "203.0.113.7"),
        ("10.0.0.2", "", ("10.0.0.0/8",), "10.0.0.2"),
        ("10.0.0.2", "10.0.0.9", ("10.0.0.0/8",), "10.0.0.9"),
        ("10.0.0.2", "unknown", ("10.0.0.0/8",), "10.0.0.2"),
        ("10.0.0.2", "203.0.113.7, <script>", ("10.0.0.0/8",), "10.0.0.2"),
        ("10.0.0.2", "203.0.113.7:51234", ("10.0.0.0/8",), "203.0.113.7"),
        ("10.0.0.2", "[2001:db8::7]", ("10.0.0.0/8",), "2001:db8::7"),
        ("::ffff:10.0.0.2", "203.0.113.7", ("10.0.0.0/8",), "203.0.113.7"),
        ("2001:db8::1", "203.0.113.7", ("2001:db8::/32",), "203.0.113.7"),
        ("10.0.0.2", "203.0.113.7", ("10.0.0.2",), "203.0.113.7"),
    ],
)
def test_address(peer: str, forwarded: str | list[str], trusted: tuple[str, ...], found: str) -> None:
    assert address(peer, forwarded, trusted) == found


def test_a_connection_without_an_address() -> None:
    assert address("", "203.0.113.7", ("0.0.0.0/0",)) is None


@given(st.lists(st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=40), max_size=5))
def test_no_header_moves_an_untrusted_peer(lines: list[str]) -> None:
    assert address("198.51.100.1", lines, ("10.0.0.0/8",)) == "198.51.100.1"


@pytest.mark.parametrize("wrong", ["proxy.example.com", "10.0.0.0/40", "", "10.0.0"])
def test_a_list_that_is_wrong_stops_the_start(wrong: str) -> None:
    with pytest.raises(Misconfigured, match="trusted_proxies"):
        Peers((wrong,))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "pay.example.com"),
        (URL, "pay.example.com"),
        (URL, "internal:8080"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
    ],
)
def test_pages_of_ours(origin: str | None, host: str) -> None:
    require_own_page(_posted(origin, host), URL)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "https://pay.example.com.evil.example",
        "https://pay.example.com@evil.example",
        "http://pay.example.com:80",
        "//pay.example.com",
        "ftp://pay.example.com",
        "https://",
    ],
)
def test_pages_of_others(origin: str) -> None:
    with pytest.raises(Forbidden):
        require_own_page(_posted(origin, "pay.example.com"), URL)


def _posted(origin: str | None, host: str) -> web.Request:
    headers = {"Host": host} | ({} if origin is None else {"Origin": origin})
    return make_mocked_request("POST", "/", headers=headers)
