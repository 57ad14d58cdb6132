"""python -m bot.simulators: addresses on one line, a configuration that can be saved, a clean end on SIGTERM."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.simulators.__main__ import _parser, main, read_setup, save_setup, serve
from tests.simulators import alipay_rig, bankapp_rig, unionpay_rig
from tests.simulators.pay_rig import credentials, until

NAMES = ("wechatpay", "alipay", "unionpay", "bankapp", "biller", "wechat", "webview")


def keys() -> dict[str, Any]:
    """The session's keys, so that no test has to make new ones."""
    return {
        "credentials": credentials().to_json(),
        "alipay_credentials": alipay_rig.credentials().to_json(),
        "unionpay": {"credentials": unionpay_rig.credentials().to_json()},
        "bankapp": {"credentials": bankapp_rig.credentials().to_json()},
    }


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration that leaves nothing to be made."""
    path = tmp_path / "sim.json"
    path.write_text(json.dumps({**keys(), "wechatpay": {"latency": 0.001}}))
    return path


def test_a_saved_setup_reads_back_and_is_private(config: Path, tmp_path: Path) -> None:
    setup, saved = read_setup(config), tmp_path / "saved.json"

    save_setup(setup, saved)

    assert read_setup(saved) == setup
    assert saved.stat().st_mode & 0o777 == 0o600
    assert setup.credentials == credentials()
    assert setup.alipay_credentials == alipay_rig.credentials()
    assert len(setup.biller["secret"]) >= 32


def test_toml_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "sim.toml"
    path.write_text(f'[biller]\ncode = "x"\nsecret = "{"s" * 32}"\n[wechatpay]\nseed = 4\n')

    setup = read_setup(path)

    assert (setup.biller["code"], setup.wechatpay["seed"]) == ("x", 4)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"typo": {}}',
        '{"credentials": {}}',
        '{"wechatpay": {"typo": 1}}',
        '{"alipay": {"typo": 1}}',
        '{"unionpay": {"typo": 1}}',
        '{"bankapp": {"credentials": {}}}',
        '{"biller": {"secret": "x"}}',
    ],
)
def test_a_wrong_configuration_ends_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "sim.json"
    facts = text if text == "{" else json.dumps({**keys(), **json.loads(text)})
    path.write_text(facts)

    assert main(["--config", str(path)]) == 2

    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("python -m bot.simulators: ")


async def test_all_simulators_answer_at_their_addresses(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stop = asyncio.Event()
    arguments = _parser().parse_args(["--config", str(config), "--clock-factor", "1000", "--seed", "9"])
    running = asyncio.create_task(serve(arguments, stop))
    seen = ""

    def printed() -> bool:
        nonlocal seen
        seen += capsys.readouterr().out
        return seen.endswith("\n") or running.done()

    try:
        await until(printed)
        urls: dict[str, Any] = json.loads(seen)
        assert tuple(urls) == NAMES
        async with aiohttp.ClientSession() as session:
            for name in ("wechatpay", "alipay", "unionpay", "bankapp", "biller"):
                async with session.get(f"{urls[name]}/_sim/faults") as response:
                    assert (await response.json())["seed"] == 9
            async with session.get(f"{urls['wechat']}/_sim/plan") as response:
                plan = await response.json()
                assert plan["wechatpay_url"] == urls["wechatpay"]
    finally:
        stop.set()
        await running


async def test_the_process_ends_cleanly_on_sigterm(config: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-m", "bot.simulators", "--config", str(config)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        assert tuple(json.loads(line)) == NAMES
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(process.communicate(), 10)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert (process.returncode, errors) == (0, b"")


async def test_a_taken_port_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]

        code = await asyncio.to_thread(_quietly, ["--config", str(config), "--biller-port", str(port)])

    assert code == 2
    assert "OSError" in capsys.readouterr().err


def _quietly(argv: list[str]) -> int:
    """Run the command in a thread; signal handlers exist only in the main one, so this stops before them."""
    arguments = _parser().parse_args(argv)
    try:
        asyncio.run(serve(arguments, asyncio.Event()))
    except OSError as fault:
        sys.stderr.write(f"{type(fault).__name__}: {fault}\n")
        return 2
    return 0
