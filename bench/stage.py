"""Sets the stage of a measurement: stores, configuration, sample data, and a server process to send to."""

import os
import secrets
import socket
import string
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from bot.demo.sample import put_sample
from bot.kernel.clock import SystemClock
from bot.settings import load
from bot.simulators import wechatpay
from bot.storage.migrations import upgrade
from bot.wiring import House, open_house

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "benchtoken"
APPID = "wx0000000000000001"
AES_KEY = "".join(secrets.choice(string.ascii_letters) for _ in range(42)) + "A"
SECRET_KEY = "bench-" + "k" * 42


@dataclass(frozen=True)
class Stage:
    """What the application under measurement was told."""

    environment: Mapping[str, str]
    port: int
    credentials: wechatpay.Credentials


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def set_stage(folder: Path, database_url: str, redis_url: str) -> Stage:
    """Write the configuration and the schema."""
    credentials = wechatpay.generate_credentials(appids=(APPID,))
    port, file = free_port(), folder / "bench.toml"
    file.write_text(_toml(credentials), encoding="utf-8")
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "SECRET_KEY": SECRET_KEY,
        "SCENEPAY_CONFIG": str(file),
    }
    upgrade(database_url)
    return Stage(environment, port, credentials)


def _toml(credentials: wechatpay.Credentials) -> str:
    accounts = "".join(
        f'[official.{mode}]\nappid = "{APPID}"\nsecret = "bench"\ntoken = "{TOKEN}"\naes_key = "{AES_KEY}"\n'
        f'mode = "{mode}"\n\n'
        for mode in ("plain", "safe")
    )
    key = credentials.platform_public_key
    return (
        accounts
        + f'[gateways.wechatpay.main]\nmchid = "{credentials.mchid}"\nappids = ["{APPID}"]\n'
        + f'serial = "{credentials.merchant_cert_serial}"\nprivate_key = """{credentials.merchant_private_pem}"""\n'
        + f'apiv3_key = "{credentials.apiv3_key}"\npublic_key_id = "{key.key_id}"\n'
        + f'public_key = """{key.public_pem}"""\ncertificates = false\nbase_url = "http://127.0.0.1:9"\n'
    )


@asynccontextmanager
async def house_of(stage: Stage) -> AsyncIterator[House]:
    """Open the staged house in this process, to prepare rows or to count them."""
    with mock.patch.dict(os.environ, dict(stage.environment)):
        settings = load()
    async with open_house(settings, SystemClock()) as house:
        await put_sample(house.database, house.vault, house.catalogue, house.clock)
        yield house


@contextmanager
def process(arguments: list[str], environment: Mapping[str, str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server and wait until it listens."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            _until_listening(server, port)
            yield server
        finally:
            server.terminate()
            server.wait(20)


def _until_listening(server: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(300):
        if server.poll() is not None:
            raise RuntimeError("the server ended at once")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the server does not listen")
