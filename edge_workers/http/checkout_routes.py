"""POST /checkout and POST /portal: from a signed-in user to a page of the payment provider.

Whoever makes the app calls `install` once there is a Supabase client, and includes `router`.
"""

from typing import TypeVar

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from supabase import AsyncClient

from edge_workers.billing.desk import CheckoutDesk, CheckoutRequest, PortalRequest
from edge_workers.billing.desk_errors import DeskRefusal
from edge_workers.settings import BillingSettings

MAX_BODY_BYTES = 4096

router = APIRouter(tags=["billing"])

_Model = TypeVar("_Model", bound=BaseModel)


def install(app: FastAPI, *, supabase: AsyncClient, billing: BillingSettings) -> None:
    """Give the app what these routes need."""
    app.state.checkout_desk = CheckoutDesk(supabase, billing)


@router.post("/checkout")
async def checkout(request: Request) -> JSONResponse:
    """Begin a purchase: 201 with what the client needs to let its user pay."""
    try:
        desk: CheckoutDesk = request.app.state.checkout_desk
        user_id = await desk.user_of(request.headers.get("authorization"))
        wanted = _with_key(await _read(request, CheckoutRequest), request)
        return _json(201, await desk.checkout(user_id, wanted))
    except DeskRefusal as refusal:
        return _refusal(refusal)


@router.post("/portal")
async def portal(request: Request) -> JSONResponse:
    """Where a subscription is managed, or its end at the end of what is paid."""
    try:
        desk: CheckoutDesk = request.app.state.checkout_desk
        user_id = await desk.user_of(request.headers.get("authorization"))
        wanted = await _read(request, PortalRequest)
        return _json(200, await desk.portal(user_id, wanted))
    except DeskRefusal as refusal:
        return _refusal(refusal)


async def _read(request: Request, model: type[_Model]) -> _Model:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise DeskRefusal(413, "body_too_large", f"Send {MAX_BODY_BYTES} bytes at most.")
    try:
        return model.model_validate_json(bytes(body) or b"{}")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise DeskRefusal(
            422, "invalid_request", f"{where}: {first['msg']}", hint="See docs/billing.md."
        ) from None


def _with_key(wanted: CheckoutRequest, request: Request) -> CheckoutRequest:
    key = request.headers.get("idempotency-key") or wanted.idempotency_key
    if key is None:
        raise DeskRefusal(
            400,
            "idempotency_key_missing",
            "There is no idempotency key.",
            hint="Make one per purchase, such as a UUID, and send it as Idempotency-Key.",
        )
    try:
        return CheckoutRequest.model_validate(wanted.model_dump() | {"idempotency_key": key})
    except ValidationError:
        raise DeskRefusal(
            400,
            "invalid_request",
            "The idempotency key is not 1 to 200 printable ASCII characters.",
        ) from None


def _json(status: int, answer: BaseModel) -> JSONResponse:
    # Links to pay and to manage are for one person only.
    headers = {"Cache-Control": "no-store"}
    content = answer.model_dump(mode="json", exclude_none=True)
    return JSONResponse(content, status_code=status, headers=headers)


def _refusal(refusal: DeskRefusal) -> JSONResponse:
    content = {"code": refusal.code, "message": str(refusal), "hint": refusal.hint}
    headers = {"Cache-Control": "no-store", **refusal.headers}
    return JSONResponse(content, status_code=refusal.status, headers=headers)
