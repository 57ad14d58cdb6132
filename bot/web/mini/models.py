"""What goes over the mini API's wire: every request and answer as a model, from which the document is made too."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.billers.port import LINES_MAX
from bot.kernel.money import MAX_FEN

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_-]+$")]
Text = Annotated[str, Field(max_length=128)]
Fen = Annotated[int, Field(description="fen")]
Moment = Annotated[str, Field(description="ISO 8601, Shanghai time")]


class Ask(BaseModel):
    """A request body or query: nothing beyond what is named."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Answer(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True)


class Problem(Answer):
    """Why a call came to nothing. ``message`` may be shown to the customer, ``remedy`` is for the caller."""

    code: str
    message: str
    remedy: str
    trace_id: str


class Done(Answer):
    """It is so now."""

    done: bool = True


class LoginAsk(Ask):
    appid: Id
    code: Annotated[str, Field(min_length=1, max_length=256, description="what wx.login gave")]


class LoginAnswer(Answer):
    token: Annotated[str, Field(description="send it as Authorization: Bearer")]
    expires_in: Annotated[int, Field(description="seconds")]


class LogoutAsk(Ask):
    everywhere: bool = False


class PhoneAsk(Ask):
    code: Annotated[str, Field(min_length=1, max_length=256, description="what the phone-number button gave")]


class PhoneAnswer(Answer):
    phone: str
    phone_mask: str
    country_code: str


class ScenesQuery(Ask):
    city: Annotated[str, Field(max_length=20)] = ""
    q: Annotated[str, Field(max_length=40, description="a word of the scene, its items or merchants")] = ""


class SceneShown(Answer):
    key: str
    name: str
    shape: str
    items: int


class ScenesAnswer(Answer):
    cities: list[str]
    scenes: list[SceneShown]


class ItemsQuery(Ask):
    scene: Id
    city: Annotated[str, Field(max_length=20)] = ""


class ChoiceShown(Answer):
    value: str
    label: str


class FieldShown(Answer):
    key: str
    label: str
    help: str
    required: bool
    proof: bool
    choices: list[ChoiceShown]


class ItemShown(Answer):
    id: str
    scene: str
    name: str
    payee: str
    flow: str
    account: FieldShown | None
    fields: list[FieldShown]
    minimum: Fen
    maximum: Fen
    presets: list[int]
    several: bool
    open: Annotated[bool, Field(description="false: nothing is taken now")]
    in_chat_only: Annotated[bool, Field(description="true: sold from a stock, which the conversation alone offers")]


class ItemsAnswer(Answer):
    items: list[ItemShown]


class BillsAsk(Ask):
    item: Id
    account: Text | None = None
    saved: Annotated[Id | None, Field(description="a saved account instead of a typed one")] = None
    fields: Annotated[dict[Annotated[str, Field(max_length=32)], Text], Field(max_length=16)] = {}
    save: bool = True


class BillShown(Answer):
    bill_no: str
    title: str
    period: str | None
    amount: Fen
    late_fee: Fen
    total: Fen
    due_on: str | None
    held: Annotated[bool, Field(description="true: being paid at this moment")]


class BillsAnswer(Answer):
    query: Annotated[str, Field(description="names this answer in a quote; lives fifteen minutes")]
    account_mask: str
    holder_mask: str
    address_mask: str
    balance: Fen
    bills: list[BillShown]


class LineAsk(Ask):
    """A bill of a query, an amount on the account of a query, or an amount for an item that has no bills."""

    query: Id | None = None
    bill_no: Text | None = None
    item: Id | None = None
    amount: Annotated[int, Field(gt=0, le=MAX_FEN, strict=True)] | None = None


class QuoteAsk(Ask):
    lines: Annotated[list[LineAsk], Field(min_length=1, max_length=LINES_MAX)]
    store: Id | None = None


class LineShown(Answer):
    title: str
    account_mask: str
    amount: Fen


class QuoteAnswer(Answer):
    id: str
    title: str
    payee: str
    lines: list[LineShown]
    amount: Fen
    expires_at: Moment


class OrderAsk(Ask):
    quote: Id


class OrderShown(Answer):
    id: str
    state: Literal["created", "closing", "closed", "paid", "settled"]
    scene: str
    title: str
    amount: Fen
    currency: str
    refunded: Fen
    created_at: Moment
    expires_at: Moment
    paid_at: Moment | None
    lines: list[LineShown]


class Payment(Answer):
    """The parameters of wx.requestPayment, under its own names."""

    timeStamp: str  # noqa: N815 - The name that WeChat gives it.
    nonceStr: str  # noqa: N815
    package: str
    signType: str  # noqa: N815
    paySign: str  # noqa: N815


class PayAnswer(Answer):
    result: Literal["pay", "wait", "paid"]
    payment: Payment | None = None
    retry_after: Annotated[float | None, Field(description="seconds, with a new Idempotency-Key")] = None


class WaitQuery(Ask):
    since: Annotated[str, Field(max_length=16)] = ""
    wait: Annotated[int, Field(ge=0, le=20, description="seconds until the answer comes even so")] = 0


class HistoryQuery(Ask):
    before: Annotated[str, Field(max_length=40, description="the last id of the page before")] = ""
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class HistoryAnswer(Answer):
    orders: list[OrderShown]
    more: bool


class ReceiptLineShown(Answer):
    title: str
    account_mask: str
    period: str | None
    amount: Fen
    late_fee: Fen
    state: str


class ReceiptAnswer(Answer):
    number: str
    order: str
    title: str
    payee: str
    amount: Fen
    currency: str
    paid_at: Moment
    refunded: Fen
    settled: bool
    code: Annotated[str, Field(description="proves the receipt")]
    lines: list[ReceiptLineShown]


class AccountShown(Answer):
    id: str
    scene: str
    item: str
    account_mask: str
    nickname: str


class AccountsAnswer(Answer):
    accounts: list[AccountShown]
