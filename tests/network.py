"""Keeps the tests on this machine: a connection or a name look-up that leaves the loopback fails its test."""

import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

LOCAL_NAMES = frozenset({"localhost", "ip6-localhost", ""})


class LeftTheMachine(RuntimeError):
    """Code under test tried to reach another machine."""


def _supplied_hosts() -> frozenset[str]:
    """Hosts of servers that the caller named; those alone may be elsewhere."""
    urls = [os.environ.get(name, "") for name in ("TEST_PG_DSN", "TEST_REDIS_URL")]
    return frozenset(host for url in urls if url and (host := urlsplit(url).hostname))


def is_local(host: object) -> bool:
    """Whether a host stays on this machine; the wildcard address does not count, though systems route it here."""
    if host is None:
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    if name in LOCAL_NAMES or name in _supplied_hosts():
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _is_address(host: object) -> bool:
    try:
        ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return True


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Guard Python's sockets and resolver for the length of a test.

    What was tried is also reported at the end, because the code under test may well swallow the refusal. Programs that
    a test starts and uvloop's own sockets are not guarded.
    """
    attempts: list[str] = []

    def refuse(host: object, how: str) -> None:
        attempts.append(f"{how} {host!r}")
        raise LeftTheMachine(f"tests stay on this machine, but this one tried to {how} {host!r}")

    def guarded(name: str) -> Any:
        original = getattr(socket.socket, name)

        def call(self: socket.socket, *arguments: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6):
                # The address is the last argument of sendto and the only one of the others.
                host = arguments[-1][0]
                if not is_local(host):
                    refuse(host, name)
            return original(self, *arguments)

        return call

    def resolve(host: object, *arguments: Any, **options: Any) -> Any:
        if not is_local(host) and not _is_address(host):
            refuse(host, "resolve")
        return real_resolve(host, *arguments, **options)  # type: ignore[arg-type]

    real_resolve = socket.getaddrinfo
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, guarded(name))
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield
    if attempts:
        pytest.fail(f"this test left the machine: {', '.join(attempts)}", pytrace=False)
