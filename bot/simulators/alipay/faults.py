"""In which ways this Alipay misbehaves, and the last two digits of an amount in fen that provoke each."""

from bot.simulators.faults import Fault

# The suffix is that of the order's amount (create, code, query, close, cancel, pay, notice) or of the refund's.
CALLS = ("create", "code", "query", "close", "cancel", "refund", "refund_query")
ALIPAY_FAULTS: tuple[Fault, ...] = (
    Fault("declined", ("pay", "code"), "the payer's bank refuses", 1),
    Fault("create_answer_lost", ("create",), "the trade exists, the first answer does not come", 2, 1),
    Fault("notice_duplicate", ("notice",), "the notice comes twice at once and a third time later", 3),
    Fault("notice_never", ("notice",), "the notice is never sent", 4),
    Fault("notice_late", ("notice",), "the notice is sent after plan.late_notice_seconds, behind those of refunds", 5),
    Fault("notice_first", ("notice",), "the notice arrives before the answer to the call that caused it", 6),
    Fault("notice_wrong_amount", ("notice",), "a signed notice over another amount precedes the true one", 7),
    Fault("notice_forged", ("notice",), "a notice with a forged signature precedes the true one", 8),
    Fault("create_20000", ("create",), "20000 on the first create, nothing is made", 9, 1),
    Fault("code_answer_lost", ("code",), "a scanned code is paid, the answer does not come", 10, 1),
    Fault("userpaying", ("code",), "10003: paid after some queries, with a late notice", 11),
    Fault("paid_while_closing", ("close",), "our close arrives just after the payment", 12, 1),
    Fault("create_reset", ("create",), "connection reset on the first create, nothing is made", 13, 1),
    Fault("query_20000", ("query",), "the first two queries answer 20000", 14, 2),
    Fault("answer_unsigned", CALLS, "the first answer of each call is not signed", 15, 1),
    Fault("answer_forged", CALLS, "the first answer of each call is signed by a stranger's key", 16, 1),
    Fault("query_not_found", ("query",), "the first two queries deny that the trade exists", 17, 2),
    Fault("notice_other_seller", ("notice",), "a signed notice of another merchant precedes the true one", 18),
    Fault("notice_stale", ("notice",), "a notice signed two days ago precedes the true one", 19),
    Fault("refund_not_enough", ("refund",), "the merchant lacks money for the first refund call", 20, 1),
    Fault("refund_answer_lost", ("refund",), "the refund is made, its first answer does not come", 21, 1),
    Fault("refund_unchanged", ("refund",), "the refund is made, its first answer says that no money moved", 22, 1),
    Fault("refund_20000", ("refund",), "20000 on the first refund call, nothing is made", 23, 1),
    Fault("refund_notice_never", ("refund_notice",), "the refund's notice is never sent", 24),
    Fault("close_answer_lost", ("close",), "the trade is closed, the first answer does not come", 25, 1),
    Fault("cancel_retry", ("cancel",), "retry_flag Y on the first two cancels, nothing is done", 26, 2),
    Fault("bad_gateway", CALLS, "the first answer of each call is an HTML page with status 502", 27, 1),
    Fault("query_answer_lost", ("query",), "the first query's answer does not come", 28, 1),
    Fault("answer_dropped", CALLS, "the call is carried out, then the connection is reset", 29, 1),
    Fault("query_slow", ("query",), "the first query is answered after plan.slow_seconds", 31, 1),
    Fault("query_behind", ("query",), "the first two queries still say WAIT_BUYER_PAY of a paid trade", 33, 2),
    Fault("refund_query_silent", ("refund_query",), "the first two queries of a refund tell no status", 34, 2),
    Fault("code_20000_paid", ("code",), "20000 to a scanned code that is paid all the same", 35, 1),
    Fault("code_20000", ("code",), "20000 to a scanned code, nothing is made", 36, 1),
    Fault("declared_500", CALLS, "the first answer of each call is an empty page with status 500", 37, 1),
)
