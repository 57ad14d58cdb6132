"""The guard lets tests reach this machine and nothing else, and an attempt fails the test even when swallowed."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.network import is_local

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "localhost", b"localhost", None]
)
def test_loopback_is_local(host: object) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "0.0.0.0", "10.0.0.1", "::ffff:10.0.0.1", "example.com", "fe80::1%eth0"])
def test_everything_else_is_not(host: str) -> None:
    assert not is_local(host)


def test_the_hosts_of_supplied_servers_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PG_DSN", "postgresql://u:p@database.internal:5432/x")

    assert is_local("database.internal")


async def test_a_loopback_server_can_be_reached() -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection("localhost", server.sockets[0].getsockname()[1])
        assert await reader.read() == b"hello"
        writer.close()


ESCAPES = {
    "connect": 'socket.create_connection(("192.0.2.1", 80), timeout=1)',
    "resolve": 'socket.getaddrinfo("example.com", 80)',
    "sendto": 'with socket.socket(type=socket.SOCK_DGRAM) as s: s.sendto(b"x", ("192.0.2.1", 9))',
    "asyncio": 'asyncio.run(asyncio.wait_for(asyncio.open_connection("192.0.2.1", 80), 1))',
}


@pytest.mark.slow
@pytest.mark.parametrize("swallowed", [False, True])
def test_leaving_the_machine_fails_the_test(tmp_path: Path, swallowed: bool) -> None:
    """192.0.2.1 is a documentation address, so that a broken guard would reach nobody either."""
    lines = ["import asyncio, contextlib, socket", "from tests.network import loopback_only"]
    guard = "    with contextlib.suppress(Exception):" if swallowed else "    if True:"
    for name, escape in ESCAPES.items():
        lines += [f"def test_{name}():", guard, f"        {escape}"]
    (tmp_path / "test_escapes.py").write_text("\n".join(lines))

    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", str(tmp_path)]
    run = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )

    assert "4 failed" in run.stdout or "4 errors" in run.stdout, run.stdout
    assert run.stdout.count("left the machine") >= 4


def test_the_guard_leaves_with_its_test(loopback_only: None) -> None:
    assert "guarded" in socket.socket.connect.__qualname__
