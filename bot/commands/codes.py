"""``qr``, ``code`` and ``menu``: codes to print, their care while they hang, and the account's menu."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from bot.billers.catalogue import Store
from bot.billers.codes import (
    CodeState,
    add_code,
    bind_code,
    check_payable,
    codes_of_store,
    label_of,
    replace_code,
    set_code_state,
)
from bot.billers.items import BillItem
from bot.billers.prints import Prints, drawing
from bot.channels.official.menu import default_menu, faults_of
from bot.commands.common import Commands, add_command, opened
from bot.kernel.clock import Clock
from bot.kernel.errors import BadRequest, NotFound
from bot.storage.port import Tx
from bot.wiring import House
from qrcodes.image import qr_png, qr_svg
from qrcodes.logo import Logo, LogoRefused, qr_logo_png, qr_logo_svg
from qrcodes.sheet import Stand, stand_svg
from qrcodes.tokens import code_url

_STATES: Final[Mapping[str, CodeState]] = {"pause": "paused", "resume": "active", "revoke": "revoked"}


def add(commands: Commands) -> None:
    code = add_command(commands, "qr", _qr, "make a store's code and draw it, or many codes into one archive")
    code.add_argument("store", nargs="?", help="the store's id")
    code.add_argument("item", nargs="?", help="the bill item's id that the code takes money for")
    code.add_argument("--out", type=Path, required=True, help="a .svg, .png or -stand.svg file; of many codes a .zip")
    code.add_argument("--logo", type=Path, help="a PNG for the middle of the code")
    many = code.add_mutually_exclusive_group()
    many.add_argument("--csv", type=Path, help="a sheet with the columns 门店编号, 项目编号, 标签: a code for each row")
    many.add_argument("--blank", type=int, metavar="N", help="N codes that are bound when they hang (code bind)")
    code.add_argument("--merchant", help="whose blank codes they are")
    code.add_argument("--form", choices=("png", "svg", "stand", "sheet"), default="sheet", help="how many are drawn")
    care = add_command(commands, "code", _care, "list, bind, pause, resume, revoke or replace printed codes")
    care.add_argument("action", choices=("list", "bind", "pause", "resume", "revoke", "replace"))
    care.add_argument("target", help="the token at the end of the code's address; for list a store's id")
    care.add_argument("store", nargs="?", help="for bind: the store where the code hangs")
    care.add_argument("item", nargs="?", help="for bind: what it takes money for")
    care.add_argument("--as", dest="actor", metavar="NAME", help="who does it; goes into the audit")
    menu = add_command(commands, "menu", _menu, "push the menu of an official account")
    menu.add_argument("account", help="its key in the configuration")
    menu.add_argument("--file", type=Path, help="a JSON file; without it the standard menu")
    menu.add_argument("--dry-run", action="store_true", help="check and print, push nothing")


async def _qr(arguments: argparse.Namespace) -> int:
    logo = None if arguments.logo is None else await asyncio.to_thread(_logo, arguments.logo)
    if arguments.csv is not None or arguments.blank is not None:
        return await _many(arguments, logo)
    if arguments.store is None or arguments.item is None:
        raise BadRequest("code_what", "name a store and an item, or a sheet with --csv, or how many with --blank")
    return await _one(arguments, logo)


async def _many(arguments: argparse.Namespace, logo: Logo | None) -> int:
    if not arguments.out.parent.is_dir():
        raise BadRequest("code_folder", f"there is no folder {arguments.out.parent}")
    draw = drawing(arguments.form, logo)
    if arguments.blank is not None and arguments.merchant is None:
        raise BadRequest("code_merchant", "name with --merchant whose blank codes they are")
    async with opened() as house:
        prints = Prints(house.database, house.catalogue, house.clock, house.settings.environment.public_url)
        if arguments.csv is not None:
            count = await prints.of_sheet(arguments.csv, arguments.out, draw, _progress)
        else:
            count = await prints.blank(arguments.merchant, arguments.blank, arguments.out, draw, _progress)
    sys.stdout.write(f"{count} codes in {arguments.out}\n")
    return 0


def _progress(count: int) -> None:
    sys.stderr.write(f"\r{count} codes")
    sys.stderr.flush()


def _logo(path: Path) -> Logo:
    try:
        return Logo.read(path.read_bytes())
    except OSError as fault:
        raise BadRequest("code_logo", f"cannot read {path}") from fault
    except LogoRefused as fault:
        raise BadRequest("code_logo", str(fault)) from fault


async def _care(arguments: argparse.Namespace) -> int:
    """Change one code; every change names who made it."""
    async with opened() as house:
        if arguments.action == "list":
            store = await house.catalogue.store(arguments.target)
            for code in await codes_of_store(house.database, store.merchant_id, store.id):
                sys.stdout.write(f"{code.token}  {code.state:7}  {code.label}\n")
            return 0
        if arguments.actor is None:
            raise BadRequest("actor_missing", "say with --as NAME who does it")
        made = await house.database.effect(partial(_changed, house.clock, arguments, await _bound_to(house, arguments)))
        if made:
            sys.stdout.write(f"{code_url(house.settings.environment.public_url, made)}\n")
    return 0


async def _bound_to(house: House, arguments: argparse.Namespace) -> tuple[Store, BillItem] | None:
    """Return what a blank code is to be bound to; None for every other action."""
    if arguments.action != "bind":
        return None
    if arguments.store is None or arguments.item is None:
        raise BadRequest("code_what", "name the store and the item that the code is for")
    return await house.catalogue.store(arguments.store), await house.catalogue.item(arguments.item)


async def _changed(clock: Clock, arguments: argparse.Namespace, bound: tuple[Store, BillItem] | None, tx: Tx) -> str:
    """Carry out one change; return the token of a code that is new by it, else nothing."""
    token, actor = arguments.target, arguments.actor
    if arguments.action == "replace":
        return await replace_code(tx, clock, token, actor=actor)
    if bound is not None:
        changed = await bind_code(tx, clock, token, *bound, actor=actor)
    else:
        changed = await set_code_state(tx, clock, token, _STATES[arguments.action], actor=actor)
    if not changed:
        raise NotFound("code_unknown", "no code of this token can be changed so; `code list STORE` shows what there is")
    return ""


async def _one(arguments: argparse.Namespace, logo: Logo | None) -> int:
    # Looked at first: a code that was made and cannot be drawn would be one that nobody knows of.
    draw = _drawing(arguments.out, logo)
    async with opened() as house:
        store = await house.catalogue.store(arguments.store)
        item = await house.catalogue.item(arguments.item)
        check_payable(store, item)

        async def work(tx: Tx) -> str:
            return await add_code(
                tx,
                house.clock,
                kind="static",
                merchant_id=store.merchant_id,
                store_id=store.id,
                item_id=item.id,
                label=label_of(store, item),
            )

        token = await house.database.effect(work)
        url = code_url(house.settings.environment.public_url, token)
        stand = Stand(merchant=item.merchant_name, store=store.name, payload=url)
    sys.stdout.write(f"{url}\n")
    await asyncio.to_thread(arguments.out.write_bytes, draw(stand))
    return 0


def _drawing(out: Path, logo: Logo | None) -> Callable[[Stand], bytes]:
    """Return what draws a file of this name; raises BadRequest for a name that says no format or no folder."""
    if not out.parent.is_dir():
        raise BadRequest("code_folder", f"there is no folder {out.parent}")
    if out.name.endswith("-stand.svg"):
        if logo is not None:
            raise BadRequest("code_logo", "a stand shows no logo; choose .png or .svg")
        return lambda stand: stand_svg(stand).encode()
    if out.suffix == ".svg":
        return lambda stand: (qr_logo_svg(stand.payload, logo) if logo else qr_svg(stand.payload)).body
    if out.suffix == ".png":
        return lambda stand: (qr_logo_png(stand.payload, logo) if logo else qr_png(stand.payload)).body
    raise BadRequest("code_format", "name a file that ends in .svg, .png or -stand.svg")


async def _menu(arguments: argparse.Namespace) -> int:
    menu = await asyncio.to_thread(_read, arguments.file) if arguments.file is not None else default_menu()
    faults = faults_of(menu)
    if faults:
        raise BadRequest("menu", "\n".join(faults))
    if arguments.dry_run:
        sys.stdout.write(json.dumps(menu, ensure_ascii=False, indent=2) + "\n")
        return 0
    async with opened() as house:
        client = house.clients.get(arguments.account)
        if client is None:
            raise BadRequest("account_unknown", f"choose one of: {', '.join(house.clients) or 'none configured'}")
        await client.create_menu(menu)
    sys.stdout.write("pushed; phones show it within five minutes\n")
    return 0


def _read(path: Path) -> Mapping[str, Any]:
    try:
        menu = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadRequest("file_missing", f"there is no file {path}") from None
    except ValueError as fault:
        raise BadRequest("menu_unreadable", f"{path.name} is no JSON in UTF-8: {fault}") from None
    if not isinstance(menu, dict):
        raise BadRequest("menu_unreadable", f"{path.name} is no JSON object")
    return menu
