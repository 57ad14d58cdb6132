"""Paid notices: RSA verify, GCM decrypt and one durable transaction each, beside the databases' own yardsticks."""

import json
import re
import resource
import secrets
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from bench import load, machine, stage
from bench.report import Row, line
from bot.kernel.clock import to_micros
from bot.simulators.wechatpay import crypto
from bot.storage.database import is_postgresql, sqlite_path
from bot.storage.port import Tx
from bot.wiring import House

NOTICES = 6_000
WARM_UP = 1_000
ONE_BY_ONE = 3_000
CONNECTIONS = 64
AMOUNT = 12_345

_ORDER = """
INSERT INTO orders (id, quote_id, token, merchant_id, scene, origin, title, amount, currency, state, trace_id,
  created_at, expires_at, refunded)
VALUES ($1, $1, $1, 'mer_noodles', 'dining', 'static_code', 'bench', $2, 'CNY', 'created', $1, $3, $4, 0)
"""
_LINE = """
INSERT INTO order_lines (id, order_id, position, item_id, biller, account_mask, title, amount, late_fee, state,
  attempts, changed_at)
VALUES ($1, $2, 0, 'itm_noodles', 'hosted', '', 'bench', $3, 0, 'none', 0, $4)
"""
_CHARGE = """
INSERT INTO charges (id, order_id, gateway, gateway_account, way, out_trade_no, amount, currency, state,
  request_sealed, discounts, trace_id, created_at, expires_at, queries, changed_at)
VALUES ($1, $2, 'wechatpay', 'main', 'jsapi', $3, $4, 'CNY', 'pending', $5, '{}', $2, $6, $7, 0, $6)
"""


def number(prefix: str, place: int) -> str:
    return f"{prefix}{place:012d}"


async def prepare(house: House, prefix: str, count: int) -> None:
    """Put orders with pending charges into the database."""
    now = datetime.now(UTC)
    at, until = to_micros(now), to_micros(now + timedelta(hours=2))
    for start in range(0, count, 500):

        async def work(tx: Tx, start: int = start) -> None:
            for place in range(start, min(start + 500, count)):
                order = number(f"ord_{prefix}", place)
                await tx.execute(_ORDER, order, AMOUNT, at, until)
                await tx.execute(_LINE, number(f"oln_{prefix}", place), order, AMOUNT, at)
                charge = number(f"chg_{prefix}", place)
                await tx.execute(_CHARGE, charge, order, number(prefix, place), AMOUNT, b"\x00" * 400, at, until)

        await house.database.effect(work)


def notices(town: stage.Stage, prefix: str, count: int) -> Sequence[bytes]:
    """Sign and encrypt one notice for each charge."""
    return [_notice(town, prefix, place) for place in range(count)]


def _notice(town: stage.Stage, prefix: str, place: int) -> bytes:
    keys = town.credentials
    paid = {
        "appid": stage.APPID,
        "mchid": keys.mchid,
        "out_trade_no": number(prefix, place),
        "transaction_id": number(f"42{prefix}", place),
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "OTHERS",
        "success_time": datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        "payer": {"openid": "oBenchPayer"},
        "amount": {"total": AMOUNT, "payer_total": AMOUNT, "currency": "CNY", "payer_currency": "CNY"},
    }
    nonce = secrets.token_hex(6)
    cipher = crypto.encrypt(keys.apiv3_key, nonce=nonce, associated_data="transaction", plain=json.dumps(paid).encode())
    body = json.dumps(
        {
            "id": f"{prefix}-{place}",
            "create_time": paid["success_time"],
            "resource_type": "encrypt-resource",
            "event_type": "TRANSACTION.SUCCESS",
            "summary": "支付成功",
            "resource": {
                "original_type": "transaction",
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": cipher,
                "associated_data": "transaction",
                "nonce": nonce,
            },
        }
    ).encode()
    stamp = str(int(time.time()))
    signature = crypto.sign(keys.platform_public_key.private_pem, crypto.lines(stamp, nonce, body))
    headers = [
        ("Content-Type", "application/json"),
        ("Wechatpay-Timestamp", stamp),
        ("Wechatpay-Nonce", nonce),
        ("Wechatpay-Serial", keys.platform_public_key.key_id),
        ("Wechatpay-Signature", signature),
        ("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048"),
    ]
    return load.post("/notify/wechatpay/main", body, headers)


ALONE = ("-m", "bench.alone")
WITH_WORKER = ("-m", "bot", "serve")


async def measure(
    folder: Path,
    name: str,
    database_url: str,
    redis_url: str,
    postmaster: int | None = None,
    server: Sequence[str] = ALONE,
) -> Row:
    """Send paid notices at one process and count the credits; ``postmaster`` is the database's server, if any."""
    town = stage.set_stage(folder, database_url, redis_url)
    async with stage.house_of(town) as house:
        await prepare(house, "W", WARM_UP)
        await prepare(house, "M", NOTICES)
    # It logs as it does for an operator, by default, to nowhere.
    with stage.process(list(server), town.environment, town.port) as process:
        await load.send(town.port, notices(town, "W", WARM_UP), CONNECTIONS)
        sent = notices(town, "M", NOTICES)
        spent = Spent(process.pid, postmaster)
        result = await load.send(town.port, sent, CONNECTIONS)
        used, database, sender, shares = spent.until_now()
    async with stage.house_of(town) as house:
        row = await house.database.row("SELECT COUNT(*) AS paid FROM orders WHERE state = 'paid'")
        assert row is not None
        if row["paid"] != NOTICES + WARM_UP:
            line(f"  {name}: only {row['paid']} of {NOTICES + WARM_UP} orders are paid")
    each = 1e6 / len(sent)
    beside = f"; database {each * database:.0f} us, load generator {each * sender:.0f} us"
    return Row(name, result, each * used, shares, beside, each * (used + database + sender))


class Spent:
    """The processor time of everything that a measurement keeps busy, from now on."""

    def __init__(self, server: int | None, postmaster: int | None) -> None:
        self._server = server
        self._postmaster = postmaster
        self._machine = machine.now()
        self._before = self._times()

    def until_now(self) -> tuple[float, float, float, str]:
        """Return the seconds of the server, the database and ourselves, and what else went on."""
        server, database, sender = (now - then for now, then in zip(self._times(), self._before, strict=True))
        return server, database, sender, machine.shares(self._machine, machine.now(), server + database + sender)

    def _times(self) -> tuple[float, float, float]:
        server = machine.cpu_of(self._server) if self._server else 0.0
        database = machine.cpu_of_family(self._postmaster) if self._postmaster else 0.0
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return server, database, time.process_time() + ended.ru_utime + ended.ru_stime


_STATEMENTS = """
INSERT INTO inbox (gateway, account, notice_id, kind, body_digest, outcome, charge_id, trace_id, received_at)
  VALUES ('wechatpay', 'main', :notice, 'TRANSACTION.SUCCESS', 'd', 'applied', :charge, :ord, 1);
UPDATE charges SET state = 'paid', transaction_id = :notice, paid_at = 1, payer_amount = 12345, next_query_at = NULL,
  changed_at = 1 WHERE out_trade_no = :number AND state IN ('created', 'pending', 'unknown', 'closing');
UPDATE orders SET state = 'paid', paid_charge_id = :charge, paid_at = 1
  WHERE id = :ord AND state IN ('created', 'closing');
INSERT INTO postings (journal, entry_no, source, destination, amount, asset, order_id, charge_id, trace_id, at)
  VALUES (:notice, 0, 'payers:wechatpay', 'clearing:wechatpay:main', 12345, 'CNY', :ord, :charge, :ord, 1);
INSERT INTO postings (journal, entry_no, source, destination, amount, asset, order_id, charge_id, trace_id, at)
  VALUES (:notice, 1, 'clearing:wechatpay:main', 'merchant:mer_noodles:due', 12345, 'CNY', :ord, :charge, :ord, 1);
INSERT INTO outbox (id, kind, key, dest, payload, state, attempts, due_at, trace_id, created_at)
  VALUES (:notice, 'fulfil', :notice, 'hosted', '{}', 'ready', 0, 1, :ord, 1);
"""
_DONE = """
SELECT (SELECT COUNT(*) FROM orders WHERE state = 'paid') AS orders,
  (SELECT COUNT(*) FROM charges WHERE state = 'paid') AS charges, (SELECT COUNT(*) FROM inbox) AS inbox,
  (SELECT COUNT(*) FROM outbox) AS outbox, (SELECT COUNT(*) FROM postings) AS postings
"""


@dataclass(frozen=True)
class Floor:
    """Transactions a second of the same statements without us, and what one of them costs, in words."""

    rate: float
    costs: str
    all_us: float


async def yardstick(folder: Path, database_url: str, redis_url: str, postmaster: int | None = None) -> Floor:
    """Measure the same statements without us: pgbench, or sqlite3 committing one by one.

    Raises RuntimeError unless they did what they say: a statement that finds no row would be quicker than ours.
    """
    town = stage.set_stage(folder, database_url, redis_url)
    async with stage.house_of(town) as house:
        await prepare(house, "M", NOTICES)
    spent = Spent(None, postmaster)
    if is_postgresql(database_url):
        count, rate = NOTICES, _pgbench(folder, database_url)
    else:
        count, rate = ONE_BY_ONE, _one_by_one(sqlite_path(database_url))
    _, database, client, shares = spent.until_now()
    async with stage.house_of(town) as house:
        row = await house.database.row(_DONE)
    if row is None or {row["orders"], row["charges"], row["inbox"], row["outbox"], row["postings"] // 2} != {count}:
        raise RuntimeError("the yardstick has not changed the rows that it should")
    each = 1e6 / count
    costs = f"database {each * database:.0f} us, client {each * client:.0f} us; {shares}"
    return Floor(rate, costs, each * (database + client))


def _pgbench(folder: Path, database_url: str, clients: int = 10) -> float:
    program = shutil.which("pgbench") or _beside_postgres()
    names = {":notice": "'42M' || lpad(:place::text, 12, '0')", ":number": "'M' || lpad(:place::text, 12, '0')"}
    names |= {f":{key}": f"'{key[:3]}_M' || lpad(:place::text, 12, '0')" for key in ("ord",)}
    names |= {":charge": "'chg_M' || lpad(:place::text, 12, '0')"}
    text = _STATEMENTS.replace("\n  ", " ")
    for name, value in names.items():
        text = text.replace(name, value)
    # pgbench takes every colon for a variable, inside quotes too; the rows keep their length.
    text = re.sub(r"(?<=[a-z]):(?=[a-z])", ".", text)
    each = NOTICES // clients
    script = folder / "notice.sql"
    script.write_text(f"\\set n :n + 1\n\\set place :client_id * {each} + :n - 1\nBEGIN;\n{text.strip()}\nCOMMIT;\n")
    parts = urlsplit(database_url)
    arguments = [program, "-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-t", str(each), "-D", "n=0"]
    arguments += ["-f", str(script), "-h", str(parts.hostname), "-p", str(parts.port), "-U", str(parts.username)]
    found = subprocess.run(
        [*arguments, parts.path.lstrip("/")],
        env={"PGPASSWORD": parts.password or ""},
        capture_output=True,
        text=True,
        check=False,
    )
    for row in found.stdout.splitlines():
        if row.startswith("tps = "):
            return float(row.split()[2])
    raise RuntimeError(f"pgbench: {found.stderr[-500:]}")


def _beside_postgres() -> str:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    if not found:
        raise RuntimeError("install pgbench (Debian: postgresql-contrib or postgresql)")
    return str(found[-1])


def _one_by_one(path: Path) -> float:
    """Run the same statements with the standard library, synchronous=FULL, a commit for each notice."""
    store = sqlite3.connect(path, isolation_level=None)
    store.execute("PRAGMA synchronous = FULL")
    store.execute("PRAGMA foreign_keys = ON")
    statements = [each.strip() for each in _STATEMENTS.strip().split(";") if each.strip()]
    count = ONE_BY_ONE
    begun = time.monotonic()
    for place in range(count):
        values = {
            "notice": number("42M", place),
            "number": number("M", place),
            "ord": number("ord_M", place),
            "charge": number("chg_M", place),
        }
        store.execute("BEGIN IMMEDIATE")
        for statement in statements:
            used = {key: value for key, value in values.items() if f":{key}" in statement}
            store.execute(statement, used)
        store.execute("COMMIT")
    rate = count / (time.monotonic() - begun)
    store.close()
    return rate
