"""The one table of the mini API: each operation with its models, from which routes and the document are made."""

from dataclasses import dataclass
from typing import Final

from bot.web.mini import models
from bot.web.mini.models import Answer, Ask

BASE: Final = "/api/mini/v1"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``write``: it changes something, so it wants an Idempotency-Key; ``path`` is behind ``BASE``."""

    method: str
    path: str
    name: str
    summary: str
    answer: type[Answer]
    body: type[Ask] | None = None
    query: type[Ask] | None = None
    signed_in: bool = True
    write: bool = False


OPERATIONS: Final = (
    Operation(
        "POST",
        "/login",
        "login",
        "Exchange a wx.login code, good once, for a session of ours.",
        models.LoginAnswer,
        models.LoginAsk,
        signed_in=False,
    ),
    Operation("POST", "/logout", "logout", "End the session.", models.Done, models.LogoutAsk, write=True),
    Operation(
        "POST",
        "/phone",
        "phone",
        "Exchange a code of the phone-number button.",
        models.PhoneAnswer,
        models.PhoneAsk,
        write=True,
    ),
    Operation("GET", "/scenes", "scenes", "What can be paid in a city.", models.ScenesAnswer, query=models.ScenesQuery),
    Operation("GET", "/items", "items", "The bill items of a scene.", models.ItemsAnswer, query=models.ItemsQuery),
    Operation("POST", "/bills/query", "bills", "What an account owes.", models.BillsAnswer, models.BillsAsk),
    Operation("POST", "/quotes", "quote", "A price, for a while.", models.QuoteAnswer, models.QuoteAsk, write=True),
    Operation("POST", "/orders", "order", "Make the order of a quote.", models.OrderShown, models.OrderAsk, write=True),
    Operation(
        "GET",
        "/orders",
        "history",
        "The customer's orders, newest first.",
        models.HistoryAnswer,
        query=models.HistoryQuery,
    ),
    Operation(
        "GET",
        "/orders/{id}",
        "status",
        "How an order stands, at once or when it is no longer as the page shows it.",
        models.OrderShown,
        query=models.WaitQuery,
    ),
    Operation(
        "POST", "/orders/{id}/pay", "pay", "What wx.requestPayment needs.", models.PayAnswer, models.Ask, write=True
    ),
    Operation("POST", "/orders/{id}/cancel", "cancel", "Give an order up.", models.Done, models.Ask, write=True),
    Operation("GET", "/orders/{id}/receipt", "receipt", "The receipt of a paid order.", models.ReceiptAnswer),
    Operation("GET", "/accounts", "accounts", "The customer's saved accounts.", models.AccountsAnswer),
    Operation("DELETE", "/accounts/{id}", "forget", "Remove a saved account.", models.Done, write=True),
)
