"""Codes to print, by the hundred or by the ten thousand: read from a sheet, made in the books, drawn into one archive.

Everything is checked before the first code is made, and at no moment more than a page of them is in memory. Should the
run break off, no archive is left, and the codes that were made are ones that nobody can know.
"""

import codecs
import csv
import io
import shutil
import zipfile
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

from bot.billers import sheets
from bot.billers.catalogue import Catalogue, Merchant, Store
from bot.billers.cells import Cell, Trouble
from bot.billers.codes import add_code, check_payable, label_of
from bot.billers.items import BillItem
from bot.kernel.clock import Clock
from bot.kernel.errors import BadRequest, NotFound
from bot.storage.port import Database, Tx
from qrcodes.grid import A_PAGE, Sticker, page_svg
from qrcodes.image import Correction, qr_png, qr_svg
from qrcodes.logo import Logo, qr_logo_png, qr_logo_svg
from qrcodes.sheet import Stand, stand_svg
from qrcodes.tokens import code_url

CODES_MAX: Final = 100_000
# Made in one transaction and drawn together; a whole number of pages.
_PORTION: Final = 20 * A_PAGE
_FAULTS_SHOWN: Final = 20
_MODULE_PX: Final = 12
_HEADINGS: Final = ("编号", "链接", "商户", "门店编号", "项目编号", "标签")
_COLUMNS: Final[Mapping[str, str]] = {
    "门店编号": "store",
    "项目编号": "item",
    "标签": "label",
    "store": "store",
    "item": "item",
    "label": "label",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One code to make: for a store's item, or a blank one of a merchant that is bound when it hangs."""

    merchant: Merchant
    store: Store | None
    item: BillItem | None
    label: str


@dataclass(frozen=True, slots=True)
class Made:
    """A code that is in the books now; ``number`` is its place in this archive."""

    number: int
    url: str
    wanted: Wanted

    @property
    def name(self) -> str:
        return f"{self.number:06d}" + (f"-{self.wanted.store.id}" if self.wanted.store else "")


Draw = Callable[[Sequence[Made]], Iterator[tuple[str, bytes]]]


def drawing(form: str, logo: Logo | None) -> Draw:
    """Return what draws some codes as files of an archive: ``png``, ``svg``, ``stand`` or ``sheet``."""
    if form == "sheet":
        return lambda codes: _pages(codes, logo)
    if form == "stand" and logo is not None:
        raise BadRequest("code_logo", "a stand shows no logo; choose png, svg or sheet")
    draw = {"png": _png, "svg": _svg, "stand": _stand}[form]
    suffix = "svg" if form == "stand" else form
    return lambda codes: ((f"{code.name}.{suffix}", draw(code, logo)) for code in codes)


def _png(code: Made, logo: Logo | None) -> bytes:
    if logo is None:
        return qr_png(code.url, Correction.Q, module_px=_MODULE_PX).body
    return qr_logo_png(code.url, logo, module_px=_MODULE_PX).body


def _svg(code: Made, logo: Logo | None) -> bytes:
    if logo is None:
        return qr_svg(code.url, Correction.Q, module_px=_MODULE_PX).body
    return qr_logo_svg(code.url, logo, module_px=_MODULE_PX).body


def _stand(code: Made, _logo: Logo | None) -> bytes:
    store = code.wanted.store
    stand = Stand(
        payload=code.url,
        merchant=code.wanted.merchant.name,
        store=store.name if store else "",
        number=f"No. {code.number:06d}",
    )
    return stand_svg(stand).encode()


def _pages(codes: Sequence[Made], logo: Logo | None) -> Iterator[tuple[str, bytes]]:
    for start in range(0, len(codes), A_PAGE):
        page = codes[start : start + A_PAGE]
        stickers = [
            Sticker(
                payload=code.url,
                merchant=code.wanted.merchant.short_name,
                store=code.wanted.label,
                number=f"No. {code.number:06d}",
            )
            for code in page
        ]
        yield f"page-{page[0].number:06d}.svg", page_svg(stickers, logo).encode()


class Prints:
    """Makes codes and draws them into a ZIP archive with a list of what each of them is for."""

    def __init__(self, database: Database, catalogue: Catalogue, clock: Clock, public_url: str) -> None:
        self._database = database
        self._catalogue = catalogue
        self._clock = clock
        self._public_url = public_url

    async def of_sheet(self, path: Path, out: Path, draw: Draw, told: Callable[[int], None]) -> int:
        """Make a code for each row of a sheet (门店编号, 项目编号, 标签) and return how many; raises BadRequest.

        The first reading checks every row, so that a wrong one costs nothing.
        """
        faults: list[str] = []
        count = 0
        with sheets.opened(path) as sheet:
            async for line, wanted in self._rows(sheet.rows):
                count += 1
                if isinstance(wanted, str):
                    faults.append(f"line {line}: {wanted}")
                if len(faults) >= _FAULTS_SHOWN:
                    break
        if faults:
            raise BadRequest("code_rows", "nothing was made:\n" + "\n".join(faults))
        if not 0 < count <= CODES_MAX:
            raise BadRequest("code_rows", f"the sheet has {count} rows; 1 to {CODES_MAX} are made at once")
        return await self._write(self._good(path), out, draw, told)

    async def blank(self, merchant_id: str, count: int, out: Path, draw: Draw, told: Callable[[int], None]) -> int:
        """Make codes that are bound to a store when they hang there; raises BadRequest and NotFound."""
        if not 0 < count <= CODES_MAX:
            raise BadRequest("code_count", f"1 to {CODES_MAX} codes are made at once")
        wanted = Wanted(await self._catalogue.merchant(merchant_id), None, None, "")

        async def each() -> AsyncIterator[Wanted]:
            for _ in range(count):
                yield wanted

        return await self._write(each(), out, draw, told)

    async def _good(self, path: Path) -> AsyncIterator[Wanted]:
        """Read a sheet again that was found to be good; a row that has gone bad meanwhile ends the run."""
        with sheets.opened(path) as sheet:
            async for line, wanted in self._rows(sheet.rows):
                if isinstance(wanted, str):
                    raise BadRequest("code_rows", f"line {line} was good a moment ago: {wanted}")
                yield wanted

    async def _rows(self, rows: Iterator[sheets.Row]) -> AsyncIterator[tuple[int, Wanted | str]]:
        """Read rows below the line of headings: each as what it wants, or as what is wrong with it."""
        columns: Mapping[int, str] | None = None
        for line, cells in rows:
            if isinstance(cells, Trouble):
                yield line, cells.problem
            elif columns is None:
                columns = _columns(cells)
            elif wrong := next((cell for cell in cells if isinstance(cell, Trouble)), None):
                yield line, f"{wrong.problem}: {wrong.remedy}"
            elif any(cells):
                yield line, await self._wanted({name: _text(cells, at) for at, name in columns.items()})

    async def _wanted(self, row: Mapping[str, str]) -> Wanted | str:
        try:
            store = await self._catalogue.store(row["store"])
            item = await self._catalogue.item(row["item"])
            merchant = await self._catalogue.merchant(store.merchant_id)
            check_payable(store, item)
        except (NotFound, BadRequest) as fault:
            return fault.remedy or fault.code
        return Wanted(merchant, store, item, row.get("label") or label_of(store, item))

    async def _write(self, wanted: AsyncIterator[Wanted], out: Path, draw: Draw, told: Callable[[int], None]) -> int:
        number, part = 0, out.with_name(f"{out.name}.part")
        try:
            # The list stands beside the archive until it is complete, since an archive takes one file at a time.
            with TemporaryFile("w+b") as listing, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
                listing.write(codecs.BOM_UTF8 + _listed(_HEADINGS))
                async for portion in _portions(wanted):
                    made = await self._made(portion, number)
                    number += len(made)
                    await to_thread(_draw, archive, listing, draw, made)
                    told(number)
                await to_thread(_add_listing, archive, listing)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
        return number

    async def _made(self, portion: Sequence[Wanted], before: int) -> list[Made]:
        """Bring a portion of codes into the books, in one transaction."""

        async def work(tx: Tx) -> list[Made]:
            made = []
            for number, wanted in enumerate(portion, before + 1):
                token = await add_code(
                    tx,
                    self._clock,
                    kind="static" if wanted.store else "blank",
                    merchant_id=wanted.merchant.id,
                    store_id=wanted.store.id if wanted.store else None,
                    item_id=wanted.item.id if wanted.item else None,
                    label=wanted.label,
                )
                made.append(Made(number, code_url(self._public_url, token), wanted))
            return made

        return await self._database.effect(work)


async def _portions(wanted: AsyncIterator[Wanted]) -> AsyncIterator[list[Wanted]]:
    portion: list[Wanted] = []
    async for each in wanted:
        portion.append(each)
        if len(portion) == _PORTION:
            yield portion
            portion = []
    if portion:
        yield portion


def _draw(archive: zipfile.ZipFile, listing: IO[bytes], draw: Draw, made: Sequence[Made]) -> None:
    """Draw a portion into the archive. A PNG is compressed already, a drawing as text shrinks to a fifth."""
    for name, body in draw(made):
        kind = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
        archive.writestr(name, body, kind, 1)
    for each in made:
        store, item = each.wanted.store, each.wanted.item
        ids = (store.id if store else "", item.id if item else "")
        listing.write(_listed((f"{each.number:06d}", each.url, each.wanted.merchant.name, *ids, each.wanted.label)))


def _add_listing(archive: zipfile.ZipFile, listing: IO[bytes]) -> None:
    listing.seek(0)
    with archive.open("codes.csv", "w") as entry:
        shutil.copyfileobj(listing, entry)


def _listed(values: Sequence[str]) -> bytes:
    """Return a line of CSV; the sheet's reader has let no label through that a spreadsheet takes for a formula."""
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue().encode()


def _columns(cells: Sequence[Cell]) -> Mapping[int, str]:
    """Return which column holds what; raises BadRequest where the headings do not name store and item."""
    found = {
        at: _COLUMNS[cell.strip()]
        for at, cell in enumerate(cells)
        if isinstance(cell, str) and cell.strip() in _COLUMNS
    }
    if not {"store", "item"} <= set(found.values()):
        raise BadRequest("code_headings", "the first line names the columns 门店编号, 项目编号 and perhaps 标签")
    return found


def _text(cells: Sequence[Cell], at: int) -> str:
    cell = cells[at] if at < len(cells) else ""
    return cell.strip() if isinstance(cell, str) else ""
