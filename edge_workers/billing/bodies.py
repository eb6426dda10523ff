"""The body of a webhook as an object that Postgres can store as jsonb."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from edge_workers.billing.webhooks import WebhookRefused

MAX_DEPTH = 64
"""Providers nest about ten deep; Postgres and the JSON parsers on the way have limits far above."""

MAX_STORED_BYTES = 1_048_576
"""What private.webhook_events takes of one payload, as jsonb prints it."""

# Below this no body can print as more than is taken: jsonb writes numbers out in full.
_SURELY_SMALL_ENOUGH = MAX_STORED_BYTES // 8
_LARGEST_NUMBER = 2**63 - 1
_SMALLEST_NUMBER = 1e-12
# JSON can say both with \u escapes; jsonb takes neither.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def read_object(body: bytes) -> dict[str, Any]:
    """Parse a webhook's body, whose signature was checked before.

    Raises WebhookRefused for whatever is not one JSON object in UTF-8 that jsonb can hold: NUL
    characters, halves of surrogate pairs, numbers beyond any use and endless nesting it cannot.
    """
    if not body:
        raise WebhookRefused("empty_body", "The body is empty.")
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise WebhookRefused("not_json", "The body is not UTF-8.") from None
    except RecursionError:
        raise WebhookRefused("not_storable", "The body nests too deep.") from None
    except ValueError:
        raise WebhookRefused("not_json", "The body is not JSON.") from None
    if not isinstance(value, dict):
        raise WebhookRefused("not_an_object", "The body is not a JSON object.")
    _check_storable(value)
    if len(body) > _SURELY_SMALL_ENOUGH:
        _check_size(value)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check_size(value: dict[str, Any]) -> None:
    if len(json.dumps(value, ensure_ascii=False).encode()) > MAX_STORED_BYTES:
        raise WebhookRefused("too_large", "The body is too large.", status=413)


def _check_storable(value: dict[str, Any]) -> None:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        for scalar in (each for node in level for each in _scalars(node)):
            problem = _problem(scalar)
            if problem:
                raise WebhookRefused("not_storable", f"The body has {problem}.")
        level = [child for node in level for child in _containers(node)]
        if not level:
            return
    raise WebhookRefused("not_storable", "The body nests too deep.")


def _children(node: Any) -> Iterator[Any]:
    return iter(node.values() if isinstance(node, dict) else node)


def _containers(node: Any) -> Iterator[Any]:
    return (child for child in _children(node) if isinstance(child, (dict, list)))


def _scalars(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        yield from node
    for child in _children(node):
        if not isinstance(child, (dict, list)):
            yield child


def _problem(scalar: Any) -> str | None:
    if isinstance(scalar, str):
        return "text that cannot be stored" if _UNSTORABLE.search(scalar) else None
    if not isinstance(scalar, (int, float)) or not scalar:
        return None
    in_range = _SMALLEST_NUMBER <= abs(scalar) <= _LARGEST_NUMBER
    return None if in_range else "a number that cannot be stored"
