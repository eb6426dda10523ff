"""The Data API as web clients use it: supabase-py as a real user, supabase-js in Node."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from postgrest import APIError
from supabase import Client, ClientOptions, create_client

from cli.demo.user import DemoUser
from cli.runtime import node
from cli.stack.status import StackStatus
from tests.integration.processes import worker_process

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "resumes" / "backend-engineer.pdf"


@pytest.fixture
def worker(stack: StackStatus) -> Iterator[Client]:
    with httpx.Client() as http_client:
        options = ClientOptions(httpx_client=http_client)
        yield create_client(stack.api_url, stack.secret_key, options)


def add_example(user: DemoUser) -> str:
    return user.add_resume(EXAMPLE.name, user.upload(EXAMPLE.read_bytes(), ".pdf"))


def test_new_user__reads_profile_and_allowance(user: DemoUser) -> None:
    assert user.profile()["full_name"] == "Ada"
    assert user.allowance() == {
        "meter": "ai_actions",
        "period": "lifetime",
        "period_key": "lifetime",
        "used": 0,
        "max_uses": 5,
        "remaining": 5,
    }


def test_request__is_visible_to_its_user_and_to_the_worker_only(
    user: DemoUser, worker: Client
) -> None:
    resume_id = add_example(user)
    assert user.request_parse(resume_id)["parse_status"] == "pending"
    claimed = (
        worker.schema("worker")
        .rpc("claim_tasks", {"p_worker": "test", "p_kinds": ["resume_parse"], "p_limit": 100})
        .execute()
        .data
    )
    (task,) = [task for task in claimed if task["payload"]["resume_id"] == resume_id]
    with pytest.raises(APIError) as caught:
        user.client.schema("worker").rpc("task_stats", {}).execute()
    assert caught.value.code == "42501"
    finish = {"p_task_id": task["id"], "p_lease_token": task["lease_token"], "p_error": "No text."}
    assert worker.schema("worker").rpc("fail_task", finish).execute().data == "dead"
    row, _ = user.wait_for_parse(resume_id, 5)
    assert (row["parse_status"], row["parse_error"]) == ("failed", "No text.")
    assert user.allowance()["used"] == 0


def test_used_up_allowance__is_http_402_with_numbers(user: DemoUser, worker: Client) -> None:
    resumes = [add_example(user) for _ in range(6)]
    for resume_id in resumes[:5]:
        user.request_parse(resume_id)
    with pytest.raises(APIError) as caught:
        user.request_parse(resumes[5])
    assert caught.value.code == "PT402"
    assert json.loads(str(caught.value.details))["limit"] == 5
    assert user.allowance()["remaining"] == 0
    worker.schema("worker").rpc("run_maintenance", {}).execute()


def test_strangers__see_nothing_and_change_nothing(user: DemoUser, stranger: DemoUser) -> None:
    resume_id = add_example(user)
    table = stranger.client.table("resumes")
    assert table.select("*").execute().data == []
    assert table.update({"title": "mine"}).eq("id", resume_id).execute().data == []
    with pytest.raises(APIError) as caught:
        stranger.client.table("resumes").insert({"user_id": user.user_id}).execute()
    assert caught.value.code == "42501"
    with pytest.raises(APIError) as caught:
        stranger.request_parse(resume_id)
    assert caught.value.code == "PT404"
    assert len(user.client.table("resumes").select("id").execute().data) == 1


@pytest.mark.parametrize("column", ["subscription_tier", "is_active", "email"])
def test_patch_of_a_system_column__is_refused(user: DemoUser, column: str) -> None:
    before = user.profile()
    with pytest.raises(APIError) as caught:
        user.client.table("profiles").update({column: None}).eq("id", user.user_id).execute()
    assert caught.value.code == "42501"
    assert user.profile() == before


def test_nobody_signed_in__reads_the_catalogue_only(nobody: DemoUser) -> None:
    anyone = nobody.client
    plans = anyone.table("plans").select("code").order("tier_rank").execute().data
    assert [plan["code"] for plan in plans][:2] == ["free", "starter"]
    for table in ("profiles", "resumes", "usage_events", "user_settings"):
        with pytest.raises(APIError) as caught:
            anyone.table(table).select("*").execute()
        assert caught.value.code == "42501"


def test_settings__can_be_upserted_over_http(user: DemoUser) -> None:
    for value in ("a plain string", {"nested": [1, None, "two"]}, 7, True):
        row = {"user_id": user.user_id, "setting_key": "editor", "setting_value": value}
        user.client.table("user_settings").upsert(row).execute()
        stored = user.client.table("user_settings").select("setting_value").execute().data
        assert stored == [{"setting_value": value}]


def test_trashed_resume__comes_back(user: DemoUser) -> None:
    resume_id = add_example(user)
    user.client.rpc("trash_resume", {"p_resume_id": resume_id}).execute()
    assert user.client.table("resumes").select("id").execute().data == []
    user.client.rpc("restore_resume", {"p_resume_id": resume_id}).execute()
    assert user.client.table("resumes").select("id").execute().data == [{"id": resume_id}]


def test_unknown_resume__is_http_404(user: DemoUser) -> None:
    with pytest.raises(APIError) as caught:
        user.request_parse(str(uuid4()))
    assert caught.value.code == "PT404"


def test_quickstart__walks_the_journey_with_supabase_js(stack: StackStatus) -> None:
    with worker_process(stack):
        done = subprocess.run(
            [node(), ROOT / "examples" / "web" / "quickstart.mjs"],
            env={
                "SUPABASE_URL": stack.api_url,
                "SUPABASE_PUBLISHABLE_KEY": stack.publishable_key,
            },
            capture_output=True,
            text=True,
            timeout=90,
        )
    assert done.returncode == 0, done.stderr
    assert "signed up as Grace Hopper, plan free" in done.stdout
    assert "ai_actions: 1 of 5 used" in done.stdout
