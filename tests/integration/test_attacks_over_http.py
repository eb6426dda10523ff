"""Attacks with a real token over HTTP: what the SQL refuses, the API refuses as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from cli.demo.user import DemoUser
from cli.stack.status import StackStatus

CONTENT = {"summary": "A gardener of compilers.", "skills": {"technical": ["Zymurgy"]}}


class Api:
    """The Data API as one caller; nothing between the test and HTTP."""

    def __init__(self, http: httpx.Client, stack: StackStatus, token: str = "") -> None:
        self.http, self.base = http, f"{stack.api_url}/rest/v1"
        self.headers = {"apikey": stack.publishable_key}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(f"{self.base}/{path}", headers=self.headers | headers)

    def send(self, method: str, path: str, body: Any, prefer: str = "") -> httpx.Response:
        headers = self.headers | ({"Prefer": prefer} if prefer else {})
        return self.http.request(method, f"{self.base}/{path}", json=body, headers=headers)

    def rpc(self, function: str, **parameters: Any) -> httpx.Response:
        return self.send("POST", f"rpc/{function}", parameters)


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def anyone(http: httpx.Client, stack: StackStatus) -> Api:
    return Api(http, stack)


@pytest.fixture
def owner(http: httpx.Client, stack: StackStatus, user: DemoUser) -> Api:
    return Api(http, stack, token(user))


@pytest.fixture
def thief(http: httpx.Client, stack: StackStatus, stranger: DemoUser) -> Api:
    return Api(http, stack, token(stranger))


def token(user: DemoUser) -> str:
    session = user.client.auth.get_session()
    assert session is not None
    return session.access_token


@pytest.fixture
def resume(owner: Api) -> dict[str, Any]:
    row = {"title": "Zymurgist", "content": CONTENT}
    answer = owner.send("POST", "resumes", row, "return=representation")
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()[0]
    return made


@pytest.mark.parametrize(
    "system",
    [
        {"is_public": True},
        {"share_slug": "A" * 22},
        {"ats_score": 100},
        {"parse_status": "completed"},
        {"version": 9},
        {"deleted_at": None},
        {"user_id": "00000000-0000-0000-0000-000000000000"},
    ],
)
def test_system_column__is_refused_by_patch_post_and_upsert(
    owner: Api, resume: dict[str, Any], system: dict[str, Any]
) -> None:
    one = f"resumes?id=eq.{resume['id']}"
    before = owner.get(one).json()
    assert len(before) == 1
    merge = "resolution=merge-duplicates,return=representation"
    for answer in (
        owner.send("PATCH", one, system),
        owner.send("POST", "resumes", {"title": "Mine"} | system),
        owner.send("POST", "resumes", {"id": resume["id"]} | system, merge),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "42501")
    assert owner.get(one).json() == before


@pytest.mark.parametrize("column", ["subscription_tier", "is_active", "deleted_at", "email"])
def test_self_upgrade__is_refused(owner: Api, user: DemoUser, column: str) -> None:
    before = user.profile()
    merge = "resolution=merge-duplicates"
    for answer in (
        owner.send("PATCH", f"profiles?id=eq.{user.user_id}", {column: None}),
        owner.send("POST", "profiles", {"id": user.user_id, column: None}, merge),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "42501")
    assert user.profile() == before


def test_trashed_resume__is_gone_from_reads_counts_embeds_search_and_link(
    owner: Api, anyone: Api, resume: dict[str, Any]
) -> None:
    slug = owner.rpc("share_resume", p_resume_id=resume["id"]).json()["share_slug"]

    def seen() -> list[Any]:
        one = f"resumes?id=eq.{resume['id']}"
        return [
            owner.get(one).json() != [],
            owner.get(f"{one}&select=id", Prefer="count=exact").headers["content-range"][-1] != "0",
            owner.get("profiles?select=id,resumes!resumes_user_id_fkey(id)").json()[0]["resumes"]
            != [],
            owner.get(f"resume_sections?resume_id=eq.{resume['id']}").json() != [],
            owner.get(f"resume_versions?resume_id=eq.{resume['id']}").json() != [],
            owner.rpc("search_resumes", p_query="zymurg").json() != [],
            anyone.rpc("get_shared_resume", p_slug=slug).status_code == 200,
        ]

    assert seen() == [True] * 7, "positive control"
    assert owner.rpc("trash_resume", p_resume_id=resume["id"]).status_code == 200
    assert seen() == [False] * 7
    assert owner.rpc("restore_resume", p_resume_id=resume["id"]).status_code == 200
    assert seen()[:6] == [True] * 6


def test_shared_link__ends_at_once_and_never_works_again(
    owner: Api, anyone: Api, thief: Api, resume: dict[str, Any]
) -> None:
    slug = owner.rpc("share_resume", p_resume_id=resume["id"]).json()["share_slug"]
    for caller in (anyone, thief):
        assert caller.rpc("get_shared_resume", p_slug=slug).json()["title"] == "Zymurgist"
        # The link shows one résumé; it opens nothing else.
        assert caller.get("resumes?select=id").json() in ([], DENIED)
    assert owner.rpc("unshare_resume", p_resume_id=resume["id"]).status_code == 200
    again = owner.rpc("share_resume", p_resume_id=resume["id"]).json()["share_slug"]
    assert again != slug
    for caller in (anyone, thief, owner):
        assert caller.rpc("get_shared_resume", p_slug=slug).status_code == 404


DENIED = {
    "code": "42501",
    "message": "permission denied for table resumes",
    "details": None,
    "hint": None,
}


@pytest.mark.parametrize("path", ["resumes", "jobs", "analyses", "interview_sessions"])
def test_filters__tell_a_stranger_nothing(
    thief: Api, owner: Api, resume: dict[str, Any], path: str
) -> None:
    # Not by value, not by negation, not by order, not by a range beyond the end.
    assert owner.get("resumes").json()[0]["id"] == resume["id"], "positive control"
    for query in ("", "?id=not.is.null", "?order=id", "?or=(id.not.is.null,user_id.not.is.null)"):
        assert thief.get(f"{path}{query}").json() == []
    counted = thief.get(path, Prefer="count=exact").headers["content-range"]
    assert counted.endswith("/0")


def test_closed_schemas__cannot_be_chosen(owner: Api) -> None:
    for schema in ("private", "queue", "worker", "auth", "storage"):
        answer = owner.get("tasks", **{"Accept-Profile": schema})
        assert answer.status_code in (401, 403, 404, 406), (schema, answer.text)
