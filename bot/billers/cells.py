"""What a cell of a sheet says, as text, or why nobody should rely on it."""

import re
from dataclasses import dataclass
from typing import Final

COLUMNS_MAX: Final = 60
CELL_CHARACTERS_MAX: Final = 500

# What a spreadsheet would compute when the value comes out again: = and @, or + and - with a call or a reference.
_FORMULA: Final = re.compile(r"[=@]|[+\-].*[(|!]", re.DOTALL)
# How exporting programs keep a spreadsheet from touching long numbers.
_QUOTED: Final = re.compile(r'="([^"=]*)"')
_MARKED: Final = re.compile(r"['`](?=[0-9])")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A cell, or a whole line, that cannot be used: what is wrong and what to do."""

    problem: str
    remedy: str


Cell = str | Trouble

TOO_LONG: Final = Trouble(f"单元格超过 {CELL_CHARACTERS_MAX} 个字符", "缩短该单元格的内容")
TOO_WIDE: Final = Trouble(f"超过 {COLUMNS_MAX} 列", "删除多余的列")
FORMULA: Final = Trouble("单元格像公式", "把该列复制后选择“粘贴为数值”")
NO_RESULT: Final = Trouble("公式没有计算结果", "在表格软件中打开并重新保存，或粘贴为数值")
TOO_MANY_DIGITS: Final = Trouble("数字超过 15 位，末尾已被表格软件改写", "把该列设为文本格式后重新填写")
NO_NUMBER: Final = Trouble("单元格的数值无法识别", "把该列设为文本格式后重新填写")
UNREADABLE: Final = Trouble("从这一行起无法读取", "用表格软件重新保存文件后再导入")


def text_cell(text: str) -> Cell:
    """Return the text of a cell without ends, or the trouble with it."""
    text = text.strip()
    if len(text) > CELL_CHARACTERS_MAX:
        return TOO_LONG
    quoted = _QUOTED.fullmatch(text)
    if quoted is not None:
        return quoted[1].strip()
    if _FORMULA.match(text):
        return FORMULA
    return _MARKED.sub("", text, count=1) if _MARKED.match(text) else text
