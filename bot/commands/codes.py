"""``qr`` and ``menu``: a store's code to print, and the account's menu."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bot.billers.codes import add_code
from bot.channels.official.menu import default_menu, faults_of
from bot.commands.common import Commands, add_command, opened
from bot.kernel.errors import BadRequest
from bot.storage.port import Tx
from qrcodes.image import qr_png, qr_svg
from qrcodes.sheet import Stand, stand_svg
from qrcodes.tokens import code_url


def add(commands: Commands) -> None:
    code = add_command(commands, "qr", _code, "make a store's code and draw it")
    code.add_argument("store", help="the store's id")
    code.add_argument("item", help="the bill item's id that the code takes money for")
    code.add_argument("--out", type=Path, required=True, help="a .svg, .png or -stand.svg file")
    menu = add_command(commands, "menu", _menu, "push the menu of an official account")
    menu.add_argument("account", help="its key in the configuration")
    menu.add_argument("--file", type=Path, help="a JSON file; without it the standard menu")
    menu.add_argument("--dry-run", action="store_true", help="check and print, push nothing")


async def _code(arguments: argparse.Namespace) -> int:
    # Looked at first: a code that was made and cannot be drawn would be one that nobody knows of.
    draw = _drawing(arguments.out)
    async with opened() as house:
        store = await house.catalogue.store(arguments.store)
        item = await house.catalogue.item(arguments.item)
        if item.merchant_id != store.merchant_id:
            raise BadRequest("code_other_merchant", "the store and the item belong to different merchants")

        async def work(tx: Tx) -> str:
            return await add_code(
                tx,
                house.clock,
                kind="static",
                merchant_id=store.merchant_id,
                store_id=store.id,
                item_id=item.id,
                label=f"{item.merchant_short_name} {store.name}",
            )

        token = await house.database.effect(work)
        url = code_url(house.settings.environment.public_url, token)
        stand = Stand(merchant=item.merchant_name, store=store.name, payload=url)
    sys.stdout.write(f"{url}\n")
    await asyncio.to_thread(arguments.out.write_bytes, draw(stand))
    return 0


def _drawing(out: Path) -> Callable[[Stand], bytes]:
    """Return what draws a file of this name; raises BadRequest for a name that says no format or no folder."""
    if not out.parent.is_dir():
        raise BadRequest("code_folder", f"there is no folder {out.parent}")
    if out.name.endswith("-stand.svg"):
        return lambda stand: stand_svg(stand).encode()
    if out.suffix == ".svg":
        return lambda stand: qr_svg(stand.payload).body
    if out.suffix == ".png":
        return lambda stand: qr_png(stand.payload).body
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
