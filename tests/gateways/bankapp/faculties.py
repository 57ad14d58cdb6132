"""What the contract tests of faculties need of a bank's cashier: statements that must be refused."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from bot.outside.http import Answer, NoAnswer
from tests.gateways.bankapp.rig import BankAppRig, named, statement_file


class BankAppFaculties(BankAppRig):
    """See tests.gateways.faculty_rig."""

    def will_say_no_statement(self) -> None:
        self.will_refuse(404, "not_found")

    def will_give_file(self, told: Any, file: bytes, status: int = 200) -> None:
        self.will_answer(told)
        self.http.then(Answer(status, {}, file))

    def will_lose(self, told: Any) -> None:
        self.will_answer(told)
        self.http.then(_LOST)

    def spoiled_statements(self, day: date) -> Iterator[tuple[str, Callable[[], None]]]:
        file, _ = statement_file(day)
        good = named(file, day)
        lines = file.splitlines(keepends=True)
        fewer, doubled = b"".join(lines[1:]), b"".join([*lines, lines[0]])
        wrong: dict[str, tuple[Any, bytes]] = {
            "changed": (good, file.replace(b"10000", b"20000")),
            "cut_short": (good, file[:-10]),
            "sums_of_another": ({**named(fewer, day), "payments": good["payments"]}, fewer),
            "one_twice": ({**named(doubled, day), "payments": good["payments"]}, doubled),
            "other_day": (named(file, day + timedelta(days=1)), file),
            "no_hash": ({**good, "sha256": ""}, file),
            "another_place": ({**good, "file": "https://elsewhere.example/v1/x"}, file),
            "up_the_tree": ({**good, "file": "/v1/../../x"}, file),
            "no_sums": ({**good, "refunds": {"count": 2}}, file),
            **{name: (named_as_is(text, day), text) for name, text in spoiled_lines(lines[0]).items()},
        }
        for name, (told, content) in wrong.items():
            yield name, lambda told=told, content=content: self.will_give_file(told, content)  # type: ignore[misc]
        yield "no_file", lambda: self.will_give_file(good, b"", 404)
        yield "lost", lambda: self.will_lose(good)
        yield "refused", lambda: self.will_refuse(403, "not_allowed")


_LOST = NoAnswer("timeout", dest="bankapp.main.files", sent=True)


def named_as_is(text: bytes, day: date) -> dict[str, Any]:
    """A true hash over lines that cannot be read."""
    file, _ = statement_file(day)
    return {**named(file, day), "sha256": hashlib.sha256(text).hexdigest()}


def spoiled_lines(line: bytes) -> dict[str, bytes]:
    return {
        "no_json": b"[1\n",
        "fraction": line.replace(b'"amount": 10000', b'"amount": 10000.0'),
        "text_for_amount": line.replace(b'"amount": 10000', b'"amount": "10000"'),
        "unknown_kind": line.replace(b"payment", b"present"),
        "naive_time": line.replace(b"+08:00", b""),
        "name_twice": line.replace(b'"amount": 10000', b'"amount": 1, "amount": 10000'),
        "no_end": line[:-1],
    }


def make() -> BankAppFaculties:
    """The rig of the faculties' contract tests."""
    return BankAppFaculties()
