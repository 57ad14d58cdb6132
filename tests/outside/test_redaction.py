"""No secret and no personal value gets into a log line, however it is wrapped."""

import io
import json
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import hypothesis
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bot.kernel.clock import ManualClock
from bot.kernel.masking import Secret
from bot.outside.logging import bind_trace, configure, current_trace, get_logger
from bot.outside.redaction import redact, redact_text

CANARY = "c4n4ry-value-9f8e7d"
PHONE, ID_NUMBER, PAYMENT_CODE, CARD = "13812345678", "11010519491231002X", "134567890123456789", "6222021234567890123"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the process writes, as machines read it."""
    stream = io.StringIO()
    configure(ManualClock(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)), stream=stream, level="DEBUG")
    yield stream
    structlog.reset_defaults()
    root = logging.getLogger()
    root.removeHandler(next(handler for handler in root.handlers if handler.get_name() == "scenepay"))
    root.setLevel(logging.WARNING)


@pytest.mark.parametrize(
    "key",
    [
        "secret", "app_secret", "appSecret", "SECRET_KEY", "token", "access_token", "X-Auth-Token", "password",
        "db_passwd",
        "auth_code", "authCode", "Authorization", "signature", "Wechatpay-Signature", "sign", "paySign",
        "Cookie", "Set-Cookie",
        "private_key", "api_key", "EncodingAESKey", "jsapi_ticket", "dsn",
    ],
)  # fmt: skip
def test_secrets_are_hidden_by_their_name(key: str) -> None:
    for value in (CANARY, CANARY.encode(), [CANARY], {CANARY}, 134567890123456789, object()):
        assert CANARY not in str(redact({key: value}))
        assert "1345678" not in str(redact({key: value}))
    assert redact({key: None}) == {key: None}


@pytest.mark.parametrize(
    "key", ["openid", "payer_openid", "unionid", "phone", "mobile", "account", "id_number", "card_no"]
)
def test_personal_values_keep_a_tail_at_most(key: str) -> None:
    value = "oABCDEFGHIJKLMNOPQRST"
    for wrapped in (value, [value], {"inner": {key: value}}):
        shown = str(redact({key: wrapped}))
        assert "ABCDEFGH" not in shown


@pytest.mark.parametrize("number", [PHONE, ID_NUMBER, ID_NUMBER.lower(), PAYMENT_CODE, CARD, "1" * 16, "2" * 24])
@pytest.mark.parametrize("frame", ["{}", "号码{}。", "x={} y", "({})", '{{"n":"{}"}}', "{},{}"])
def test_numbers_of_people_are_found_in_any_text(number: str, frame: str) -> None:
    text = frame.format(number, number)

    assert number not in redact_text(text)
    assert number not in str(redact(["deep", {"er": (text,)}]))


@pytest.mark.parametrize(
    "text",
    [
        "amount=1205 fen", "ord_01JABCDEFGHJKMNPQRSTVWXYZ0", "P20261123151819aB3dE5fG7hI9", "2026-11-23T15:18:19",
        "42000012342026112312345678901", "order 1234567890", "120.05", "state=paid",
    ],
)  # fmt: skip
def test_what_operators_need_stays(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        f"GET /sns/userinfo?access_token={CANARY}&openid=o1", f"https://x/y?secret={CANARY}",
        f"Authorization: Bearer {CANARY}",
        f'{{"app_secret": "{CANARY}"}}', f"'signature': '{CANARY}'", f"redis://:{CANARY}@host:6379/0",
        f"postgresql://user:{CANARY}@host/db", f"auth_code={CANARY}", f"openid={CANARY}", f"api_key = {CANARY}",
    ],
)  # fmt: skip
def test_secrets_inside_texts_are_hidden(text: str) -> None:
    assert CANARY not in redact_text(text)


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.binary() | st.booleans(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=6,
    )
)
@hypothesis.settings(max_examples=50)
def test_anything_can_be_redacted_and_printed(value: object) -> None:
    json.dumps(redact({"value": value}))


@given(st.text(), st.text())
def test_a_phone_is_found_whatever_stands_around_it(before: str, after: str) -> None:
    text = f"{before} {PHONE} {after}"

    assert PHONE not in redact_text(text)


def test_a_structure_too_deep_is_cut() -> None:
    value: object = CANARY
    for _ in range(50):
        value = [value]

    assert CANARY not in str(redact({"x": value}))


class TestLines:
    def test_one_object_a_line(self, lines: io.StringIO) -> None:
        get_logger("bot.payments").info("charge.created", amount=1205, order_id="ord_1")

        assert json.loads(lines.getvalue()) == {
            "event": "charge.created",
            "amount": 1205,
            "order_id": "ord_1",
            "level": "info",
            "logger": "bot.payments",
            "at": "2026-01-02T03:04:05.000+00:00",
        }

    def test_canaries_get_nowhere(self, lines: io.StringIO) -> None:
        log = get_logger("bot.x")
        log.warning(PHONE, token=CANARY, secret=Secret(CANARY), headers={"Authorization": CANARY})
        log.info("raw", body=CANARY.encode(), note=f"access_token={CANARY}", who=ID_NUMBER, codes=[PAYMENT_CODE])
        try:
            raise ValueError(f"secret={CANARY} of {PHONE}")
        except ValueError:
            log.exception("failed")
            logging.getLogger("library").exception("failed for %s", PHONE)
        logging.getLogger("aiohttp.access").info("GET /?openid=%s&x=%s", CANARY, PAYMENT_CODE)
        logging.getLogger("library").warning("%(token)s", {"token": f"token={CANARY}"})

        written = lines.getvalue()
        assert len(written.splitlines()) == 6
        for canary in (CANARY, PHONE, ID_NUMBER, PAYMENT_CODE):
            assert canary not in written
        assert "Traceback" in written

    def test_the_trace_is_on_every_line_inside(self, lines: io.StringIO) -> None:
        log = get_logger("bot.x")
        log.info("outside")
        with bind_trace("trc_1"):
            assert current_trace() == "trc_1"
            log.info("inside")
            logging.getLogger("library").warning("inside too")
            with bind_trace("trc_2"):
                log.info("deeper")
            log.info("told", trace_id="trc_3")
        assert current_trace() == ""

        traces = [json.loads(line).get("trace_id") for line in lines.getvalue().splitlines()]
        assert traces == [None, "trc_1", "trc_1", "trc_2", "trc_3"]

    def test_levels_are_kept(self, lines: io.StringIO) -> None:
        configure(ManualClock(datetime(2026, 1, 1, tzinfo=UTC)), stream=lines, level="WARNING")
        get_logger("bot.x").info("quiet")
        get_logger("bot.x").error("loud")

        assert [json.loads(line)["event"] for line in lines.getvalue().splitlines()] == ["loud"]

    def test_people_get_words(self, lines: io.StringIO) -> None:
        configure(ManualClock(datetime(2026, 1, 1, tzinfo=UTC)), stream=lines, json=False)
        get_logger("bot.x").info("charge.created", openid="oABCDEFGHIJKLMNOPQRST")

        assert "charge.created" in lines.getvalue()
        assert "ABCDEFGH" not in lines.getvalue()

    def test_who_forgets_to_configure_is_redacted_too(
        self, lines: io.StringIO, capsys: pytest.CaptureFixture[str]
    ) -> None:
        structlog.reset_defaults()
        get_logger("bot.x").warning("early", token=CANARY)

        assert CANARY not in capsys.readouterr().err + lines.getvalue()


@pytest.mark.parametrize("piece", ["A", "token", "token-", "1", "a1", "://a:", "secret=", "13800138000", "\n"])
def test_the_time_is_linear_in_what_a_stranger_wrote(piece: str) -> None:
    """A word of a hundred thousand letters must not hold up the process; the bound is some hundred times the need."""
    text = piece * (100_000 // len(piece))
    since = time.perf_counter()
    redact_text(text)

    assert time.perf_counter() - since < 3
