"""Error codes mean what the documents say, agree with wechatpy's names and never quote personal data."""

import pytest
from wechatpy.constants import WeChatErrorCode

from bot.channels.platform import errors
from bot.channels.platform.errors import MEANINGS, WeChatError, name_of, raise_for

RID = "66bdb248-1fa23ff9-58483015"


def error_of(errcode: object, errmsg: str = "") -> WeChatError:
    with pytest.raises(WeChatError) as caught:
        raise_for({"errcode": errcode, "errmsg": errmsg})
    return caught.value


@pytest.mark.parametrize("answer", [{}, {"errcode": 0, "errmsg": "ok"}, {"access_token": "t"}])
def test_successes(answer: dict[str, object]) -> None:
    raise_for(answer)


@pytest.mark.parametrize(
    ("errcode", "kind", "retryable"),
    [
        (-1, errors.SystemBusy, True),
        (40001, errors.TokenRejected, True),
        (40014, errors.TokenRejected, True),
        (42001, errors.TokenRejected, True),
        (41001, errors.TokenRejected, True),
        (40013, errors.BadCredential, False),
        (40125, errors.BadCredential, False),
        (40164, errors.BadCredential, False),
        (45009, errors.QuotaSpent, True),
        (45011, errors.TooFast, True),
        (45015, errors.WindowClosed, False),
        (45047, errors.CountSpent, False),
        (43004, errors.NotFollowing, False),
        (43101, errors.Refused, False),
        (40003, errors.BadOpenid, False),
        (47003, errors.BadArgument, False),
        (48001, errors.NoPermission, False),
        (40029, errors.BadCode, False),
        (40163, errors.BadCode, False),
        (46003, errors.NoSuchThing, False),
        (45081, errors.AlreadySo, False),
        (99999, WeChatError, False),
    ],
)
def test_meanings(errcode: int, kind: type[WeChatError], retryable: bool) -> None:
    error = error_of(errcode)

    assert type(error) is kind and error.retryable is retryable and error.errcode == errcode


def test_every_meaning_has_a_code_and_every_code_one_meaning() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, WeChatError)}

    assert set(MEANINGS.values()) == kinds - {WeChatError}
    assert len(MEANINGS) == sum(map(len, errors._BY_NAME.values())) + len(errors._BY_NUMBER)


def test_names_are_wechatpys() -> None:
    assert name_of(45015) == "out_of_response_time_limit" == WeChatErrorCode(45015).name.lower()
    assert name_of(12345) == ""


def test_the_rid_is_kept_and_the_vendors_words_are_not_repeated() -> None:
    errmsg = f"require subscribe hint: [oAbC_openid] rid: {RID}"
    error = error_of(43004, errmsg)

    assert error.rid == RID and error.errmsg == errmsg
    assert "oAbC" not in str(error) and "oAbC" not in repr(error.facts)


@pytest.mark.parametrize("errcode", ["40001", None, 1.5, [1]])
def test_an_errcode_that_is_no_number_is_trouble_on_their_side(errcode: object) -> None:
    assert isinstance(error_of(errcode), errors.SystemBusy)


def test_an_operator_learns_what_to_do() -> None:
    assert "whitelist" in str(error_of(40164))
