"""POST /checkout and POST /portal: from a signed-in user to a page of the payment provider."""

from typing import TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from edge_workers.http.answers import ApiError, json_answer
from edge_workers.http.bodies import ClientGone, read_body
from edge_workers.http.checkout_desk import CheckoutDesk, CheckoutRequest, PortalRequest

MAX_BODY_BYTES = 4096

router = APIRouter()

_Model = TypeVar("_Model", bound=BaseModel)


@router.post("/checkout")
async def checkout(request: Request) -> Response:
    """Begin a purchase: 201 with what the client needs to let its user pay."""
    desk = _desk_of(request)
    user_id = await desk.user_of(request.headers.get("authorization"))
    wanted = _with_key(await _read(request, CheckoutRequest), request)
    return _answer(201, await desk.checkout(user_id, wanted))


@router.post("/portal")
async def portal(request: Request) -> Response:
    """Where a subscription is managed, or its end together with what is paid."""
    desk = _desk_of(request)
    user_id = await desk.user_of(request.headers.get("authorization"))
    wanted = await _read(request, PortalRequest)
    return _answer(200, await desk.portal(user_id, wanted))


def _desk_of(request: Request) -> CheckoutDesk:
    state = request.app.state
    if not hasattr(state, "checkout_desk"):
        state.checkout_desk = CheckoutDesk(state.supabase, state.billing)
    desk: CheckoutDesk = state.checkout_desk
    return desk


async def _read(request: Request, model: type[_Model]) -> _Model:
    try:
        body = await read_body(
            request.scope,
            request.receive,
            limit=MAX_BODY_BYTES,
            seconds=request.app.state.settings.body_timeout_seconds,
        )
    except ClientGone:
        raise ApiError(400, "client-gone", "The request was not whole.") from None
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        # Names the field, never what it holds.
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"][:1]) or "body"
        message = f"{place[:100]}: {first['msg'].removeprefix('Value error, ')}"
        raise ApiError(422, "invalid-request", message, "See docs/billing.md.") from None


def _with_key(wanted: CheckoutRequest, request: Request) -> CheckoutRequest:
    key = request.headers.get("idempotency-key") or wanted.idempotency_key
    if key is None:
        raise ApiError(
            400,
            "idempotency-key-missing",
            "There is no idempotency key.",
            "Make one per purchase, such as a UUID, and send it as Idempotency-Key.",
        )
    try:
        return CheckoutRequest.model_validate(wanted.model_dump() | {"idempotency_key": key})
    except ValidationError:
        message = "The idempotency key is not 1 to 200 printable ASCII characters."
        raise ApiError(422, "invalid-request", message, "A UUID will do.") from None


def _answer(status: int, answer: BaseModel) -> Response:
    return json_answer(status, answer.model_dump(mode="json", exclude_none=True))
