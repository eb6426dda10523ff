"""The body of a webhook as an object that Postgres can store as jsonb."""

import json
import re
from typing import Any, NoReturn

from edge_workers.billing.webhooks import WebhookRefused

MAX_DEPTH = 64
"""Providers nest about ten deep; Postgres and the JSON parsers on the way have limits far above."""

MAX_BYTES = 524_288
"""Of a body, written out again. The inbox takes twice that of jsonb, which writes 1e-9 in full."""

# Below this no body can grow as large.
_SURELY_SMALL_ENOUGH = MAX_BYTES // 4
_LARGEST_INTEGER = 2**63 - 1
_LARGEST_FLOAT = 1e15
_SMALLEST_FLOAT = 1e-9
# Valid JSON can say both with \u escapes only; jsonb takes neither.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_UNSTORABLE_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


def read_object(body: bytes) -> dict[str, Any]:
    """Parse a webhook's body, whose signature was checked before.

    Raises WebhookRefused for whatever is not one JSON object in UTF-8 that jsonb can hold: numbers
    beyond any use and endless nesting it cannot. NUL characters and halves of surrogate pairs,
    which it cannot either, become U+FFFD: whoever pays may write them into notes, and a webhook
    that is refused often enough the provider switches off for everybody.
    """
    if not body:
        raise WebhookRefused("empty_body", "The body is empty.")
    try:
        text = body.decode("utf-8")
        value = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise WebhookRefused("not_json", "The body is not UTF-8.") from None
    except RecursionError:
        raise WebhookRefused("not_storable", "The body nests too deep.") from None
    except ValueError:
        raise WebhookRefused("not_json", "The body is not JSON.") from None
    if not isinstance(value, dict):
        raise WebhookRefused("not_an_object", "The body is not a JSON object.")
    _check_depth(value)
    if _UNSTORABLE_ESCAPE.search(text):
        value = {_storable(key): _storable(child) for key, child in value.items()}
    if len(body) > _SURELY_SMALL_ENOUGH:
        _check_size(value)
    return value


def _read_integer(digits: str) -> int:
    # Most are short, and this is called for each of them.
    if len(digits) < 19 or (len(digits) < 21 and abs(int(digits)) <= _LARGEST_INTEGER):
        return int(digits)
    raise WebhookRefused("not_storable", "The body has a number that cannot be stored.")


def _read_float(digits: str) -> float:
    number = float(digits)
    if not number or _SMALLEST_FLOAT <= abs(number) <= _LARGEST_FLOAT:
        return number
    raise WebhookRefused("not_storable", "The body has a number that cannot be stored.")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    parse_int=_read_integer, parse_float=_read_float, parse_constant=_refuse_constant
)


def _check_size(value: dict[str, Any]) -> None:
    if len(json.dumps(value, ensure_ascii=False).encode()) > MAX_BYTES:
        raise WebhookRefused("too_large", "The body is too large.", status=413)


def _check_depth(value: dict[str, Any]) -> None:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _containers(node)]
        if not level:
            return
    raise WebhookRefused("not_storable", "The body nests too deep.")


def _containers(node: Any) -> list[Any]:
    children = node.values() if isinstance(node, dict) else node
    return [child for child in children if isinstance(child, (dict, list))]


def _storable(node: Any) -> Any:
    """The same with text that Postgres can hold; called when the nesting is known to be bounded."""
    if isinstance(node, str):
        return _UNSTORABLE.sub("\ufffd", node)
    if isinstance(node, list):
        return [_storable(child) for child in node]
    if isinstance(node, dict):
        return {_storable(key): _storable(child) for key, child in node.items()}
    return node
