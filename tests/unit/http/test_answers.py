"""Errors have one shape, whoever raises them, and browsers are let in by name."""

from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Body, FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

from edge_workers.http.answers import ApiError, install_error_answers

from .service import FakeDatabase, running

ORIGIN = "https://app.example.com"


class Order(BaseModel):
    pages: int


@pytest.fixture
def client() -> TestClient:
    router = APIRouter()

    @router.post("/orders")
    def order(body: Annotated[Order, Body()]) -> dict[str, int]:
        if body.pages < 0:
            raise RuntimeError("a bug with 4242 4242 4242 4242")
        if body.pages == 0:
            raise ApiError(409, "nothing-ordered", "Order a page.", "Try 1.", headers={"x-a": "b"})
        return {"pages": body.pages}

    app = FastAPI()
    app.include_router(router)
    install_error_answers(app)
    return TestClient(app, raise_server_exceptions=False)


def test_success__is_left_alone(client: TestClient) -> None:
    assert client.post("/orders", json={"pages": 2}).json() == {"pages": 2}


def test_error_of_a_route__has_its_code_message_hint_and_headers(client: TestClient) -> None:
    answer = client.post("/orders", json={"pages": 0})
    assert (answer.status_code, answer.headers["x-a"]) == (409, "b")
    assert answer.json() == {
        "code": "nothing-ordered",
        "message": "Order a page.",
        "hint": "Try 1.",
    }


def test_invalid_body__names_the_fields_and_not_what_they_hold(client: TestClient) -> None:
    answer = client.post("/orders", json={"pages": "hunter2"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert "body.pages" in answer.json()["message"]
    assert "hunter2" not in answer.text


def test_unforeseen_error__says_nothing_about_itself(client: TestClient) -> None:
    answer = client.post("/orders", json={"pages": -1})
    assert (answer.status_code, answer.json()["code"]) == (500, "unexpected")
    assert "4242" not in answer.text


@pytest.mark.parametrize("origin", [ORIGIN, "https://elsewhere.example.com"])
def test_pages_of_allowed_origins__may_call_and_others_may_not(origin: str) -> None:
    ask = {"origin": origin, "access-control-request-method": "POST"}
    ask["access-control-request-headers"] = "authorization,content-type"
    with running(FakeDatabase(), allowed_origins=(ORIGIN,)) as service:
        answer = httpx.options(f"{service.url}/checkout", headers=ask)
    allowed = answer.headers.get("access-control-allow-origin")
    assert allowed == (ORIGIN if origin == ORIGIN else None)
    assert "access-control-allow-credentials" not in answer.headers
