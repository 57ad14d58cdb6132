"""Applications in the conversation, where it matters what is stored, counted or taken for an answer."""

import json

from bot.cases.applications.rows import FACTS_CONTEXT, MEDIA_CONTEXT
from bot.dialogue.event import Pictured
from tests.dialogue.town import Town, words

CREDITOR = "91440300MA5FDEM094"
OPENING = ("我要开户", "示范云帆科技有限公司", CREDITOR, "周明远", "1")


async def picture(town: Town, media_id: str) -> str:
    return words(await town.tell(Pictured(media_id, "https://example.com/x.jpg")))


async def open_account(town: Town) -> str:
    await town.chat(*OPENING, "2")
    await picture(town, "media-letter")
    await picture(town, "media-license")
    return await town.say("1")


async def test_what_was_typed_and_sent_is_what_lies_with_the_application(town: Town) -> None:
    assert "申请已提交" in await open_account(town)

    row = await town.database.row("SELECT facts_sealed, authority, channel, account FROM applications")
    assert row is not None
    facts = json.loads(town.vault.open(row["facts_sealed"], FACTS_CONTEXT))
    assert facts == {
        "company": "示范云帆科技有限公司",
        "uscc": CREDITOR,
        "legal_person": "周明远",
        "account_type": "basic",
    }
    assert (row["authority"], row["channel"], row["account"]) == ("letter", "official", "main")
    papers = await town.database.rows("SELECT kind, media_sealed FROM application_documents ORDER BY kind")
    sent = {paper["kind"]: town.vault.open(paper["media_sealed"], MEDIA_CONTEXT) for paper in papers}
    assert sent == {"letter": "media-letter", "license": "media-license"}


async def test_nothing_of_it_is_written_into_the_trail(quick: Town) -> None:
    await open_account(quick)

    noted = json.dumps(quick.notes.taken, ensure_ascii=False, default=str)
    for secret in (CREDITOR, "周明远", "media-letter"):
        assert secret not in noted


async def test_a_picture_that_nobody_asked_for_is_no_paper(quick: Town) -> None:
    await quick.chat("我要开户")
    await picture(quick, "media-early")

    assert "请发送统一社会信用代码" in await quick.say("示范云帆科技有限公司")
    assert await quick.count("SELECT count(*) AS n FROM application_documents") == 0


async def test_invoices_cannot_be_tried_out_one_after_the_other(quick: Town) -> None:
    for number in range(5):
        answer = await quick.chat("应收账款融资", CREDITOR, f"2644200000012345678{number}", "1万")
        assert "没有找到这张发票" in answer

    answer = await quick.chat("应收账款融资", CREDITOR, "26442000000123456789", "1万")
    assert "没有找到这张发票" not in answer
    assert await quick.count("SELECT count(*) AS n FROM applications") == 0


async def test_a_wish_to_pay_where_nothing_is_billed_leads_to_the_application(quick: Town) -> None:
    """This town's operator has no bills of notes; what can be applied for is offered instead."""
    answer = await quick.say("交票据手续费")

    assert "票据贴现" in answer
    assert "请发送统一社会信用代码" in await quick.say("2")
