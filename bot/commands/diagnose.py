"""``doctor``: reports every fault of a configuration at once, and whether the stores answer."""

import argparse
import sys
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from bot.commands import rules
from bot.commands.common import Commands, add_command
from bot.kernel.clock import SystemClock
from bot.kernel.errors import BotError
from bot.outside.http import HttpClient
from bot.payments.facts import Way
from bot.settings import ConfigFile, Environment, Reading, Settings, read
from bot.storage import release
from bot.storage.database import connect
from bot.storage.ephemeral import connect as connect_ephemeral
from bot.storage.port import Database
from bot.trail.keys import check_index
from bot.wiring import gateway_factory, official_account, scenes_of, vault_of
from bot.words.render import default_renderer

Probe = Callable[[], Awaitable[object]]


def add(commands: Commands) -> None:
    add_command(commands, "doctor", _doctor, "check the configuration, the stores and the templates; change nothing")


async def _doctor(_: argparse.Namespace) -> int:
    """Print a line for each thing that was looked at; what cannot be looked at for lack of another is left out."""
    reading = read()
    for line in reading.faults:
        sys.stdout.write(f"wrong  {line}\n")
    wrong = len(reading.faults)
    for name, probe in _probes(reading):
        said = await _asked(probe)
        wrong += said is not None
        sys.stdout.write(f"{'ok   ' if said is None else 'wrong'}  {name}{': ' + said if said else ''}\n")
    for name, faults in await _rules(reading):
        wrong += bool(faults)
        sys.stdout.write(f"{'wrong' if faults else 'ok   '}  {name}{': ' + '; '.join(faults) if faults else ''}\n")
    for note in _notes(reading):
        sys.stdout.write(f"note   {note}\n")
    return 2 if wrong else 0


def _probes(reading: Reading) -> Iterator[tuple[str, Probe]]:
    if reading.environment is not None:
        yield "database", partial(_database, reading.environment)
        yield "ephemeral store", partial(_ephemeral, reading.environment)
    if reading.file is not None:
        yield "scene packs", partial(_scenes, reading.file)
        for name, accounts in reading.file.gateways.items():
            for key in accounts:
                yield f"gateway {name} {key}", partial(_gateway, reading.file, name, key)
    if reading.environment is not None and reading.file is not None:
        # Unchecked, because what is wrong between the two was told above, and an account needs no more of them.
        settings = Settings.model_construct(environment=reading.environment, file=reading.file)
        for key in reading.file.official:
            yield f"official account {key}", partial(_account, settings, key)
    if reading.settings is not None:
        yield "secret keys", partial(_keys, reading.settings)
    yield "templates", _templates


async def _database(environment: Environment) -> None:
    await (await _opened(environment)).close()


async def _opened(environment: Environment) -> Database:
    """Open the database; raises BotError unless it is there, answers, and has this release's schema."""
    database = await connect(environment.database_url, SystemClock(), make=False)
    try:
        await release.check(database)
    except BaseException:
        await database.close()
        raise
    return database


async def _ephemeral(environment: Environment) -> None:
    found = await connect_ephemeral(environment.redis_url, SystemClock())
    try:
        await found.ping()
    finally:
        await found.close()


async def _scenes(file: ConfigFile) -> None:
    scenes_of(file.scene_packs)


async def _templates() -> None:
    default_renderer().compile_all()


async def _keys(settings: Settings) -> None:
    """See that the keys are sound, and those with which the database was begun, where it can be asked."""
    vault = vault_of(settings)
    try:
        database = await _opened(settings.environment)
    except BotError:
        # That the database is away or of another release is told by its own line.
        return
    try:
        await check_index(database, vault)
    finally:
        await database.close()


async def _gateway(file: ConfigFile, name: str, key: str) -> Collection[Way]:
    """Build the gateway of this one account: built together, the first wrong account would hide the others."""
    clock = SystemClock()
    http = await HttpClient.create(clock)
    try:
        return gateway_factory(name)({key: file.gateways[name][key]}, http, clock).can
    finally:
        await http.close()


async def _rules(reading: Reading) -> Sequence[tuple[str, Sequence[str]]]:
    """Hold each rule of routing and of deductions against what it names; nothing where there is no rule."""
    file = reading.file
    if file is None or not (file.routes or file.autopay):
        return ()
    named = await _named(file, reading.environment)
    routes = [(f"[[routes]] {at}", [*rules.route_faults(each, named)]) for at, each in enumerate(file.routes, 1)]
    plans = [(f"[[autopay]] {at}", [*rules.plan_faults(each, named)]) for at, each in enumerate(file.autopay, 1)]
    return (*routes, *plans)


async def _named(file: ConfigFile, environment: Environment | None) -> rules.Named:
    """Return what rules may name, as far as it can be looked at."""
    can: dict[str, Collection[Way]] = {}
    for name, accounts in file.gateways.items():
        for key in accounts:
            with suppress(BotError):
                can[name] = await _gateway(file, name, key)
    named = rules.Named(can, file.gateways)
    if environment is None:
        return named
    try:
        database = await _opened(environment)
    except BotError:
        return named
    try:
        merchants, items = await rules.merchants_of(database)
        return replace(named, merchants=merchants, items=items)
    finally:
        await database.close()


async def _account(settings: Settings, key: str) -> None:
    official_account(key, settings.file.official[key], settings).door()


def _notes(reading: Reading) -> Iterator[str]:
    if reading.file is not None and not reading.file.official:
        yield "no official account is configured: nobody can chat"
    if reading.file is not None and not reading.file.gateways:
        yield "no gateway is configured: nobody can pay"
    elif reading.file is not None:
        for wallet in rules.lonely_wallets(reading.file):
            yield f"no gateway is configured for the wallet {wallet}: whoever comes with it cannot pay"


async def _asked(probe: Probe) -> str | None:
    try:
        await probe()
    except BotError as fault:
        return fault.remedy or fault.code
    except Exception as fault:
        # The edge: a doctor reports whatever it finds, and goes on to the next probe.
        return f"{type(fault).__name__}: {fault}"
    return None
