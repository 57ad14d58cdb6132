"""Nothing secret and nothing personal gets out: a whole purchase, then a search through everything that was written."""

import io
import logging as stdlib_logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.demo.town import OPENID
from bot.kernel.clock import SystemClock
from bot.outside import logging
from tests.e2e.driver import DESKTOP, WECHAT, Town, link_in

OWNER, ROOM, POWER_ACCOUNT = "陈晓明", "3-2-501", "0512345678"


@pytest.fixture
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Everything that the process logs, libraries included, as it is written down."""
    lines = io.StringIO()
    logging.configure(SystemClock(), level="DEBUG", stream=lines)
    yield lines
    logging.configure(SystemClock(), json=False)
    # The tests' own capture holds what the formatter has not redacted yet; it is nobody's log.
    stdlib_logging.getLogger().setLevel(stdlib_logging.WARNING)


def secrets_of(config: Mapping[str, Any], key: str) -> dict[str, str]:
    """Every secret of the configuration by its place; keys of several lines by their longest."""
    official, gateway = config["official"]["demo"], config["gateways"]["wechatpay"]["main"]
    return {
        "SECRET_KEY": key,
        "app secret": official["secret"],
        "push token": official["token"],
        "EncodingAESKey": official["aes_key"],
        "APIv3 key": gateway["apiv3_key"],
        "private key": max(gateway["private_key"].splitlines(), key=len),
        "connector secret": config["connectors"]["power"]["secret"],
    }


async def purchases(town: Town) -> tuple[list[str], list[str], list[str]]:
    """Pay at home, the power company and a shop, stumble now and then; return pages, replies and tokens."""
    base = town.demo.public_url
    replies = [await town.chat("交物业费", ROOM, "王小二"), await town.chat("取消", "交物业费", ROOM, OWNER, "1")]
    link = link_in(await town.say("1"))
    tokens = [await town.pay(link)]
    replies.append(await town.chat(f"查电费 {POWER_ACCOUNT}", "全部"))
    tokens.append(await town.pay(link_in(await town.say("1"))))
    code = town.demo.codes[0].token
    paths = (f"/q/{code}", f"/cashier/{tokens[0]}", f"/receipts/{tokens[0]}", "/q/forged", "/oauth/wechatpay/main")
    pages = [(await town.open(base + path, agent))[2] for path in paths for agent in (WECHAT, DESKTOP)]
    async with town.browser.post(f"{base}/notify/wechatpay/main", data=b'{"resource": "forged"}') as refused:
        pages.append(await refused.text())
    async with town.browser.post(f"{base}/wechat/official/demo?openid={OPENID}&signature=x", data=b"<xml>") as refused:
        pages.append(await refused.text())
    for token in tokens:
        await town.settled(token)
    return pages, replies, tokens


def hits(haystack: str, needles: Mapping[str, str]) -> list[str]:
    return [name for name, needle in needles.items() if needle in haystack]


async def test_nothing_secret_or_personal_is_told(town: Town, written: io.StringIO, tmp_path: Path) -> None:
    secret = secrets_of(town.demo.town.config, (tmp_path / "secret_key").read_text())
    person = {"openid": OPENID, "owner": OWNER, "power account": POWER_ACCOUNT}
    pages, replies, tokens = await purchases(town)
    links = {f"token {number}": token for number, token in enumerate(tokens)}
    async with town.control.get(f"{town.demo.public_url}/metrics") as answer:
        metrics = await answer.text()
    await town.demo.house.traces.flush()
    rows: Sequence[Any] = await town.demo.house.database.rows("SELECT * FROM traces")
    traces = "\n".join(str(dict(row)) for row in rows)
    lines = written.getvalue()

    assert "notice.applied" in lines and "notice.unverified" in lines and "cashier.opened" in lines
    room = {"room": ROOM}
    assert hits(lines, {**secret, **person, **room, **links}) == []
    assert hits(metrics, {**secret, **person, **room, **links}) == []
    assert traces and hits(traces, {**secret, **person, **room, **links}) == []
    assert hits("\n".join(pages), {**secret, **person, **room}) == []
    assert hits("\n".join(replies), {**secret, "openid": OPENID, "owner": OWNER}) == []


async def test_personal_data_is_sealed_in_every_table(town: Town) -> None:
    """Encryption at rest: an openid, an account number or an owner's name stands nowhere in the clear."""
    await purchases(town)
    await town.demo.house.traces.flush()
    database = town.demo.house.database
    tables = _TABLES[database.engine]
    found: list[str] = []
    for table in [row["name"] for row in await database.rows(tables)]:
        rows: Sequence[Any] = await database.rows(f"SELECT * FROM {table}")  # noqa: S608 - The database's own names.
        for row in rows:
            text = str([bytes(value) if isinstance(value, memoryview) else value for value in dict(row).values()])
            needles = {"openid": OPENID, "owner": OWNER, "power account": POWER_ACCOUNT, "room": ROOM}
            found.extend(f"{table}: {name}" for name in hits(text, needles))

    assert set(found) - _EXAMPLES == set()


# The help of an item shows how its account is written, by examples that the sample's customers happen to have. A bill
# number is kept as its biller gave it, and the simulated power company writes the account into it.
_EXAMPLES = {"bill_items: power account", "bill_items: room", "order_lines: power account"}
_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
    "postgresql": "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
}


def test_the_search_finds_what_is_there() -> None:
    assert hits(f"x {OPENID} y", {"openid": OPENID, "owner": OWNER}) == ["openid"]
