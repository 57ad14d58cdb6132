"""``route`` reads lines and prints one JSON object for each, flushed at once (DESIGN §6)."""

import json

from tests.commands.conftest import Shell, lines


def test_one_object_a_line_with_the_fields_of_the_design(shell: Shell) -> None:
    ran = shell.run("route", stdin="交物业费\n\n查电费 0512345678\n")

    objects = [json.loads(line) for line in lines(ran.out)]
    assert ran.code == 0 and len(objects) == 3
    assert all({"text", "act", "scene", "slots", "confidence"} <= set(each) for each in objects)
    assert [each["text"] for each in objects] == ["交物业费", "", "查电费 0512345678"]
    assert [each["scene"] for each in objects if each["text"]] == ["property", "electricity"]
    assert objects[2]["slots"]["account"] == "0512345678"
    assert all(0 <= each["confidence"] <= 1 for each in objects)
    assert "交物业费" in ran.out  # As people write it, not as escapes.


def test_it_needs_no_configuration(shell: Shell) -> None:
    shell.monkeypatch.delenv("SECRET_KEY")
    shell.monkeypatch.delenv("DATABASE_URL")

    assert shell.run("route", stdin="你好\n").code == 0


def test_nothing_read_is_nothing_printed(shell: Shell) -> None:
    ran = shell.run("route")

    assert (ran.code, ran.out) == (0, "")


def test_an_unknown_pack_is_told(shell: Shell) -> None:
    ran = shell.run("route", "--pack", "no_such_pack")

    assert ran.code == 2 and "no_such_pack" in ran.err
