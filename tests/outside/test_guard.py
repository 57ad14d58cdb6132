"""URLs that outsiders gave never lead into our own network (reliability.md §5)."""

import ipaddress
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from bot.outside.guard import AddressRefused, Guard, GuardedResolver, is_public

HOSTILE_ADDRESSES = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "169.254.0.23", "100.64.0.1", "100.100.100.200", "192.0.0.1", "192.0.2.1", "198.18.0.1",
    "198.51.100.1",
    "203.0.113.5", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1", "fc00::1", "fd12:3456::1", "fe80::1",
    "fe80::1%eth0",
    "fec0::1", "ff02::1", "100::1",
]  # fmt: skip

PUBLIC_ADDRESSES = ["8.8.8.8", "1.1.1.1", "101.226.103.106", "2606:4700:4700::1111", "2400:3200::1"]

HOSTILE_URLS = [
    "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "https://127.0.0.1/",
    "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://10.1.2.3/x", "https://169.254.169.254/latest/meta-data",
    "https://user@example.com/", "https://user:pass@example.com/", "https://:pass@example.com/",
    "https://example.com:22/",
    "https://example.com:6379/", "https://example.com:80/", "https:///path", "//example.com/",
]  # fmt: skip


class Answers(AbstractResolver):
    """A name server that gives its answers one after the other."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.answers.pop(0)
        ]

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_addresses_that_are(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_hostile_urls_are_refused_by_what_they_say(url: str) -> None:
    with pytest.raises(AddressRefused):
        Guard().check(URL(url, encoded=True))


@pytest.mark.parametrize(
    "url", ["https://example.com/", "https://example.com:8443/pay?x=1", "https://8.8.8.8/", "https://[2400:3200::1]/"]
)
def test_ordinary_urls_pass(url: str) -> None:
    Guard().check(URL(url, encoded=True))


@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
async def test_a_name_that_leads_there_is_refused(address: str) -> None:
    for answer in ([address], ["8.8.8.8", address], [address, "8.8.8.8"]):
        with pytest.raises(AddressRefused):
            await GuardedResolver(Answers(answer), Guard()).resolve("example.com", 443)


async def test_a_public_name_resolves_to_its_checked_addresses() -> None:
    inner = Answers(["8.8.8.8", "1.1.1.1"])
    resolver = GuardedResolver(inner, Guard())

    assert [result["host"] for result in await resolver.resolve("example.com", 443)] == ["8.8.8.8", "1.1.1.1"]
    await resolver.close()
    assert inner.closed
