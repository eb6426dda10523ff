"""Sharing, searching and exchanging résumés over HTTP, as web clients do it."""

from typing import Any

import httpx
import pytest
from postgrest import APIError

from cli.demo.user import DemoUser
from cli.stack.status import StackStatus

DOCUMENT = {
    "basics": {"name": "Ada", "phone": "+1 555 0100", "profiles": [{"network": "X", "url": "x"}]},
    "work": [{"name": "Engines", "position": "Engineer", "highlights": ["Shipped"]}],
    "skills": [{"name": "Languages", "level": "Expert", "keywords": ["Python"]}],
}


@pytest.fixture
def resume(user: DemoUser) -> dict[str, Any]:
    answer: Any = user.client.rpc("import_json_resume", {"p_document": DOCUMENT}).execute().data
    return dict(answer)


def read(visitor: DemoUser, slug: str) -> dict[str, Any]:
    answer: Any = visitor.client.rpc("get_shared_resume", {"p_slug": slug}).execute().data
    return dict(answer)


def test_shared_link__opens_for_anybody_until_it_is_taken_back(
    user: DemoUser, nobody: DemoUser, stranger: DemoUser, resume: dict[str, Any]
) -> None:
    shared: Any = user.client.rpc("share_resume", {"p_resume_id": resume["id"]}).execute().data
    for visitor in (nobody, stranger):
        seen = read(visitor, shared["share_slug"])
        assert seen["content"]["experience"][0]["company"] == "Engines"
        assert "user_id" not in seen
        assert visitor.client.table("resume_templates").select("id").execute().data is not None
    user.client.rpc("unshare_resume", {"p_resume_id": resume["id"]}).execute()
    for visitor in (nobody, stranger, user):
        with pytest.raises(APIError) as caught:
            read(visitor, shared["share_slug"])
        assert caught.value.code == "PT404"


def test_shared_link__is_a_404_for_a_browser_once_it_is_dead(
    stack: StackStatus, user: DemoUser, resume: dict[str, Any]
) -> None:
    shared: Any = user.client.rpc("share_resume", {"p_resume_id": resume["id"]}).execute().data
    address = f"{stack.api_url}/rest/v1/rpc/get_shared_resume"
    with httpx.Client(headers={"apikey": stack.publishable_key}, trust_env=False) as browser:
        answer = browser.post(address, json={"p_slug": shared["share_slug"]})
        assert answer.status_code == 200
        assert browser.post(address, json={"p_slug": "unknown"}).status_code == 404


def test_export__is_the_imported_document(user: DemoUser, resume: dict[str, Any]) -> None:
    values = {"p_resume_id": resume["id"]}
    assert user.client.rpc("export_json_resume", values).execute().data == DOCUMENT


def test_search__finds_words_and_skills(user: DemoUser, resume: dict[str, Any]) -> None:
    found: Any = user.client.rpc("search_resumes", {"p_query": "engin"}).execute().data
    assert [row["id"] for row in found] == [resume["id"]]
    assert "⟦Engines⟧" in found[0]["headline"]
    for skill, rows in (("python", [resume["id"]]), ("Cobol", [])):
        found = user.client.rpc("find_resumes_by_skill", {"p_skill": skill}).execute().data
        assert [row["id"] for row in found] == rows
