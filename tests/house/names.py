"""What a name in the source tells about the value behind it: money, a secret."""

import ast
import re

# The last word of a name decides: amount_fen and order.amount are money, amount_rule and fee_reason are not.
MONEY = re.compile(r"(?:^|_)(?:fen|amount|amounts|fee|fees|price|balance|subtotal)$")
SECRET = re.compile(r"(?:^|_)(?:sign|signature|sig|mac|hmac|token|secret|password|passwd)$", re.IGNORECASE)

# A digest is no secret by itself (seals, caches), but one that is computed in a comparison checks somebody's word.
COMPUTED = re.compile(r"(?:^|_)(?:digest|hexdigest)$", re.IGNORECASE)


def name_of(node: ast.AST) -> str:
    """The last name by which a value is reached: of ``order.amount``, ``row["amount"]`` and ``amount`` alike."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str() as name), *_]):
            return name
        case _:
            return ""


def is_money(node: ast.AST) -> bool:
    """A money name, or arithmetic on one; a call hides it, because a call converts."""
    match node:
        case ast.BinOp(left=left, op=operator, right=right):
            # The quotient of two sums of money is a ratio, and a ratio may be anything.
            return not isinstance(operator, ast.Div) and (is_money(left) or is_money(right))
        case ast.UnaryOp(operand=operand):
            return is_money(operand)
        case _:
            return bool(MONEY.search(name_of(node).lower()))


def is_secret(node: ast.AST) -> bool:
    """A secret's name, or the call that computes one."""
    match node:
        case ast.Call(func=ast.Attribute(attr="get")):
            return bool(SECRET.search(name_of(node)))
        case ast.Call(func=function):
            return bool(SECRET.search(name_of(function)) or COMPUTED.search(name_of(function)))
        case _:
            return bool(SECRET.search(name_of(node)))
