"""The demonstration starts in one go, keeps its data, says what is wrong in one sentence, and ends at once."""

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from bot.cli import main
from bot.demo.run import open_demo, welcome
from bot.kernel.clock import SystemClock
from bot.kernel.errors import Misconfigured
from tests.e2e.driver import link_in, visiting

ROOT = Path(__file__).parents[2]
SHA = "SELECT COUNT(*) AS n FROM bills"


async def test_a_second_start_finds_the_data_of_the_first(tmp_path: Path, sqlite_url: str) -> None:
    """Codes hang on walls: they stay; bills are not doubled, and what was paid is paid."""
    folder = tmp_path / "demo"
    async with open_demo(SystemClock(), port=0, folder=folder, database_url=sqlite_url, factor=20) as demo:
        async with visiting(demo) as town:
            token = await town.pay(link_in(await town.chat("交物业费", "1-1-301", "林美华", "1", "1")))
            await town.settled(token)
        first, bills = demo.codes, (await demo.house.database.row(SHA) or {})["n"]
    async with open_demo(SystemClock(), port=0, folder=folder, database_url=sqlite_url, factor=20) as demo:
        assert demo.codes == first
        assert (await demo.house.database.row(SHA) or {})["n"] == bills > 0
        async with visiting(demo) as town:
            status, _, page = await town.open(f"{demo.public_url}/receipts/{token}")
            assert status == 200 and "付款成功" in page
            assert "交物业费" not in await town.say("缴费记录")
            assert await town.audit() == []


async def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    key = tmp_path / "secret_key"
    texts = []
    for _ in range(2):
        async with open_demo(SystemClock(), port=0, folder=tmp_path):
            texts.append(key.read_text())
    assert texts[0] == texts[1] and len(texts[0]) >= 32
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


async def test_the_welcome_names_every_address(tmp_path: Path, sqlite_url: str) -> None:
    async with open_demo(SystemClock(), port=0, folder=tmp_path, database_url=sqlite_url) as demo:
        words = welcome(demo)
        addresses = [word for word in words.split() if word.startswith("http://")]
        assert len(addresses) == len(demo.codes) + 3
        async with aiohttp.ClientSession() as session:
            for address in addresses:
                async with session.get(address) as answer:
                    assert answer.status == 200, address
    assert max(map(len, words.splitlines())) <= 120


def test_a_port_in_use_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code = main(["demo", "--port", str(port), "--folder", str(tmp_path / "never")])

    said = capsys.readouterr()
    assert code == 2 and said.out == ""
    assert said.err.count("\n") == 1 and f"port {port}" in said.err and "--port" in said.err
    assert not (tmp_path / "never").exists(), "nothing was begun"


async def test_a_port_that_nobody_may_have(tmp_path: Path) -> None:
    with pytest.raises((Misconfigured, OverflowError)):
        async with open_demo(SystemClock(), port=70_000, folder=tmp_path):
            pass


async def test_it_ends_at_once_though_pages_are_open(tmp_path: Path, sqlite_url: str) -> None:
    """A visitor's browser holds the strip's stream, the phone's and a waiting page; none of them holds up the end."""
    async with aiohttp.ClientSession() as session:
        async with open_demo(SystemClock(), port=0, folder=tmp_path, database_url=sqlite_url) as demo:
            async with visiting(demo) as town:
                link = link_in(await town.chat("买单", "1", "8", "1"))
            streams = [
                await session.get(f"{demo.public_url}/demo/trail"),
                await session.get(f"{demo.town.wechat_url}/phone/trail"),
                await session.get(f"{demo.town.wechat_url}/phone/events"),
            ]
            waiting = asyncio.create_task(session.get(f"{link}/status?since=created"))
            await asyncio.sleep(0.2)
            since = time.monotonic()
        assert time.monotonic() - since < 3
        await asyncio.gather(waiting, return_exceptions=True)
        for stream in streams:
            stream.close()


@pytest.mark.slow
def test_the_command_starts_quietly_and_ends_on_a_signal(tmp_path: Path) -> None:
    """``make run`` and Ctrl-C: addresses on standard output, nothing else anywhere, and no traceback."""
    command = [sys.executable, "-m", "bot", "demo", "--port", "0", "--folder", str(tmp_path)]
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONWARNINGS": "default"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        head = ""
        while "Ctrl-C" not in head:
            line = process.stdout.readline()
            assert line, process.communicate()
            head += line
        process.send_signal(signal.SIGINT)
        since = time.monotonic()
        rest, errors = process.communicate(timeout=10)
    finally:
        process.kill()
        process.wait()

    assert time.monotonic() - since < 5, "three seconds on a machine of its own"
    assert (process.returncode, rest.strip(), errors) == (0, "", "")
    assert "/demo/" in head and "INFO" not in head and "alembic" not in head
