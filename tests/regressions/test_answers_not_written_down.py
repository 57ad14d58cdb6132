"""What answers a question for a name is written down nowhere, however it is said (reliability.md §5, PII)."""

from tests.dialogue.town import open_town


async def test_a_name_that_was_asked_for_is_in_no_note(sqlite_url: str) -> None:
    async with open_town(sqlite_url, "memory://") as town:
        await town.chat("交物业费", "3-2-501", "应该是陈晓明吧，写的是陈晓明")

        assert town.notes.taken
        assert "陈晓明" not in repr(town.notes.taken)
