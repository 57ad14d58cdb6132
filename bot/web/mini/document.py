"""The OpenAPI 3.1 document of the mini API, made from the table of operations and its models."""

import re
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bot.web.mini.models import Problem
from bot.web.mini.operations import BASE, OPERATIONS, Operation

_REF: Final = "#/components/schemas/{model}"
_PROBLEMS: Final = {
    "400": "The request cannot be served as it is.",
    "401": "No session, or one that has ended.",
    "403": "Not allowed.",
    "404": "No such thing, or not the customer's.",
    "408": "The body came too slowly.",
    "409": "Refused as things stand; or an Idempotency-Key was used for another request.",
    "413": "The body is too large.",
    "429": "Too often.",
    "500": "A fault of ours.",
    "502": "The other side gave no usable answer.",
    "503": "Not now.",
}


def document() -> dict[str, Any]:
    """Return the whole document."""
    asked = {model for each in OPERATIONS for model in (each.body, each.query) if model is not None}
    answers = {each.answer for each in OPERATIONS}
    models: list[tuple[type[BaseModel], Any]] = [
        *((model, "validation") for model in sorted(asked, key=lambda each: each.__name__)),
        *((model, "serialization") for model in sorted(answers, key=lambda each: each.__name__)),
        (Problem, "serialization"),
    ]
    _, schemas = models_json_schema(models, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        paths.setdefault(BASE + each.path, {})[each.method.lower()] = _operation(each, schemas["$defs"])
    paths[f"{BASE}/openapi.json"] = {"get": _plain("This document.", "application/json")}
    paths[f"{BASE}/docs"] = {"get": _plain("This document as a page.", "text/html")}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Scenepay mini-program API", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"session": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": _parameters(operation, schemas),
        "responses": {
            "200": _content("Done.", operation.answer),
            **{status: _content(words, Problem) for status, words in _PROBLEMS.items()},
        },
    }
    if operation.signed_in:
        made["security"] = [{"session": []}]
    if operation.body is not None:
        made["requestBody"] = {"required": True, **_json(operation.body)}
    return made


def _parameters(operation: Operation, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]
    if operation.write:
        schema = {"type": "string", "pattern": "^[0-9A-Za-z_-]{8,64}$"}
        found.append({"name": "Idempotency-Key", "in": "header", "required": True, "schema": schema})
    if operation.query is not None:
        own = schemas[operation.query.__name__]
        required = own.get("required", [])
        found += [
            {"name": name, "in": "query", "required": name in required, "schema": schema}
            for name, schema in own.get("properties", {}).items()
        ]
    return found


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": _REF.format(model=model.__name__)}}}}


def _content(words: str, model: type[BaseModel]) -> dict[str, Any]:
    return {"description": words, **_json(model)}


def _plain(summary: str, kind: str) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": "Done.", "content": {kind: {}}}}}
