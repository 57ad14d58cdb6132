"""What a picture in the chat starts: our codes, accounts of bills, choices; and what it never does."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from bot.billers.items import InputField
from bot.dialogue.decoding import PictureReader
from bot.dialogue.event import Pictured
from bot.dialogue.pictures import Pictures
from bot.kernel.errors import GatewayTrouble, NotFound
from handlers import SCENES
from qrcodes.tokens import code_url, new_token
from tests.dialogue.town import CODE, ELECTRICITY, POWER, PUBLIC, Town, item, open_town, words
from tests.photos import bar, bomb, jpeg, photo, qr

PAYMENT_CODE = "134512345678901234"
OURS = code_url(PUBLIC, CODE)


@dataclass
class Shelf:
    """WeChat's store of media by script; remembers what was fetched."""

    pictures: dict[str, bytes] = field(default_factory=dict)
    fetched: list[tuple[str, str]] = field(default_factory=list)

    async def picture(self, account: str, media_id: str) -> bytes:
        self.fetched.append((account, media_id))
        if media_id == "away":
            raise GatewayTrouble("timeout")
        if media_id not in self.pictures:
            raise NotFound("media")
        return self.pictures[media_id]


@dataclass
class Gallery:
    """A town that looks at pictures."""

    town: Town
    shelf: Shelf

    async def send(self, *codes: str, customer: str = "小陈", turned: float = 4.0) -> str:
        """Send a photo of some codes, long numbers as bars and all else as QR codes."""
        drawn = [bar(code) if code.isdigit() else qr(code) for code in codes]
        return await self.send_bytes(jpeg(photo(*drawn, turned=turned)), customer)

    async def send_bytes(self, picture: bytes, customer: str = "小陈") -> str:
        self.shelf.pictures["m1"] = picture
        return words(await self.town.tell(Pictured("m1", "http://mmbiz.qpic.cn/x"), customer))


@pytest.fixture
async def gallery(sqlite_url: str) -> AsyncIterator[Gallery]:
    async with open_town(sqlite_url, "memory://") as town:
        shelf, reader = Shelf(), PictureReader()
        table = {scene.key: scene for scene in SCENES}
        pictures = Pictures(shelf, reader, town.database, town.catalogue, table, PUBLIC)
        object.__setattr__(town.engine._p, "pictures", pictures)
        yield Gallery(town, shelf)
        reader.close()


async def test_our_own_code_is_as_if_it_had_been_scanned(gallery: Gallery) -> None:
    assert "请发送付款金额" in await gallery.send(OURS)
    assert "中山路店" in await gallery.town.chat("36")
    assert gallery.shelf.fetched == [("main", "m1")]


async def test_a_bill_s_bar_code_starts_its_query(gallery: Gallery) -> None:
    answer = await gallery.send("0511111111")

    assert "128.50 元" in answer
    assert "回复 1 去付款" in answer


async def test_a_labelled_number_in_a_code_is_read_too(gallery: Gallery) -> None:
    assert "128.50 元" in await gallery.send("户号:0511111111")


async def test_proof_is_asked_for_as_of_a_typed_number(gallery: Gallery) -> None:
    assert "请发送业主姓名" in await gallery.send("3-2-501")


async def test_a_foreign_link_is_not_opened(gallery: Gallery) -> None:
    answer = await gallery.send("https://evil.example.org/q/0000000000000000000000?pay=1")

    assert "别处的链接" in answer
    assert "evil" not in answer
    assert gallery.shelf.fetched == [("main", "m1")]


@pytest.mark.parametrize("text", ["wxp://f2f0abcdef", "weixin://wxpay/bizpayurl?pr=x", "http://weixin.qq.com/q/02x"])
async def test_wallets_and_platform_links_are_foreign(gallery: Gallery, text: str) -> None:
    assert "别处的链接" in await gallery.send(text)


@pytest.mark.parametrize("others", [(), (OURS,), ("0511111111",)])
async def test_a_payment_code_is_refused_whatever_stands_beside_it(
    gallery: Gallery, others: tuple[str, ...], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await gallery.send(PAYMENT_CODE, *others)

    assert "付款码" in answer and "不要发给任何人" in answer
    assert await gallery.town.order_count() == 0
    out = capsys.readouterr()
    kept = [repr(gallery.town.notes.taken), caplog.text, out.out, out.err, answer]
    database = gallery.town.database
    kept.append(repr([tuple(row) for row in await database.rows("SELECT * FROM outbox")]))
    kept.append(repr([tuple(row) for row in await database.rows("SELECT * FROM audit")]))
    assert not any(PAYMENT_CODE in each for each in kept)


async def test_several_things_are_a_numbered_choice(gallery: Gallery) -> None:
    answer = await gallery.send(OURS, "0511111111")

    assert "1. " in answer and "2. " in answer
    assert "老街面馆 中山路店" in answer
    assert "示范供电 电费 ****1111" in answer
    number = "1" if answer.index("示范供电") < answer.index("老街面馆") else "2"
    assert "128.50 元" in await gallery.town.say(number)


@pytest.mark.parametrize(
    ("codes", "told"),
    [(("你好",), "不是这里能办的"), (("99",), "不是这里能办的"), ((code_url(PUBLIC, new_token()),), "")],
)
async def test_a_code_that_starts_nothing_is_said_so(gallery: Gallery, codes: tuple[str, ...], told: str) -> None:
    answer = await gallery.send(*codes)

    assert answer
    assert told in answer


async def test_no_code_asks_for_words(gallery: Gallery) -> None:
    assert "没有在图片里看到" in await gallery.send_bytes(jpeg(photo(qr("x").resize((8, 8)))))


@pytest.mark.parametrize("picture", [b"", b"GIF89a", bomb(), b"\xff\xd8\xff\xe0 broken"], ids=range(4))
async def test_a_picture_that_cannot_be_read_is_no_trouble(gallery: Gallery, picture: bytes) -> None:
    assert "现在看不了" in await gallery.send_bytes(picture)


@pytest.mark.parametrize("media_id", ["away", "gone"])
async def test_a_store_that_does_not_give_it_is_no_trouble(gallery: Gallery, media_id: str) -> None:
    answer = words(await gallery.town.tell(Pictured(media_id, "http://mmbiz.qpic.cn/x")))

    assert "现在看不了" in answer


async def test_business_under_way_goes_on_after_a_picture_that_is_none_of_it(gallery: Gallery) -> None:
    await gallery.town.say("交物业费")

    answer = await gallery.send("https://evil.example.org/")

    assert "别处的链接" in answer
    assert "请发送物业费的房号" in answer


async def test_a_picture_for_a_person_is_not_looked_at(gallery: Gallery) -> None:
    await gallery.town.say("转人工")

    assert await gallery.send(OURS) == ""
    assert gallery.shelf.fetched == []


async def test_our_token_at_a_foreign_address_is_foreign(gallery: Gallery) -> None:
    assert "别处的链接" in await gallery.send(code_url("https://pay.example.org", CODE))


async def test_a_pattern_that_takes_anything_recognises_nothing(gallery: Gallery) -> None:
    """An item whose account may be any text would make every code its account."""
    anything = InputField(key="name", label="称呼")
    definition = ELECTRICITY.model_copy(update={"account": anything})
    await gallery.town.put(item("itm_any", POWER, "electricity", "杂费", "power", definition))

    assert "杂费" not in await gallery.send("你好")
    assert "128.50 元" in await gallery.send("0511111111")
