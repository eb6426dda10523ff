"""What this service answers: JSON, and errors as code, message and hint."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_HINTS = {
    404: "See docs/billing.md for the addresses of this service.",
    405: "See the Allow header.",
}


class ApiError(Exception):
    """An answer that is no success; `code` is short and stable, for programs."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        hint: str = "",
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.headers = headers


def json_answer(
    status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON response that nobody may keep."""
    return Response(
        json.dumps(body, ensure_ascii=False),
        status,
        {"cache-control": "no-store", **(headers or {})},
        "application/json",
    )


def error_answer(error: ApiError) -> Response:
    """Return an error as every route of this service tells it."""
    body = {"code": error.code, "message": error.message, "hint": error.hint}
    return json_answer(error.status, body, error.headers)


def install_error_answers(app: FastAPI) -> None:
    """Make every error of the application's routes an answer of this kind."""
    app.add_exception_handler(ApiError, _answer_api_error)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)
    app.add_exception_handler(Exception, _answer_unexpected)


async def _answer_api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_answer(error)


async def _answer_http_exception(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    hint = _HINTS.get(error.status_code, "")
    refused = ApiError(error.status_code, code, f"{error.detail}.", hint, headers=error.headers)
    return error_answer(refused)


async def _answer_invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    places = sorted({".".join(str(part) for part in each["loc"]) for each in problems})
    message = f"The request does not have the right shape: {', '.join(places)[:500]}."
    return error_answer(ApiError(422, "invalid-request", message, "See docs/billing.md."))


async def _answer_unexpected(_request: Request, _error: Exception) -> Response:
    return error_answer(ApiError(500, "unexpected", "This failed on our side.", "Try again."))
