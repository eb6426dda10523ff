"""Settings: what is missing or wrong is named with its fix, and no value is ever repeated."""

import base64
import json

import pytest
from pydantic import ValidationError

from edge_workers.errors import ConfigurationError
from edge_workers.settings import Settings

KEY = "sb_secret_0123456789"


def legacy_key(role: str) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"role": role}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{claims}.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:54321/")
    monkeypatch.setenv("SUPABASE_SECRET_KEY", KEY)
    return monkeypatch


def test_settings__come_from_the_environment(environment):
    environment.setenv("RESUMEBASE_WORKER_CONCURRENCY", "9")
    settings = Settings.from_environment()
    assert settings.supabase_url == "http://127.0.0.1:54321"
    assert settings.supabase_secret_key.get_secret_value() == KEY
    assert (settings.concurrency, settings.lease_seconds) == (9, 60)


def test_settings__arguments_win_over_the_environment(environment):
    environment.setenv("RESUMEBASE_WORKER_CONCURRENCY", "9")
    settings = Settings.from_environment(supabase_url="https://abc.supabase.co", concurrency=2)
    assert (settings.supabase_url, settings.concurrency) == ("https://abc.supabase.co", 2)


def test_settings__cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Settings.from_environment().concurrency = 2


def test_secret_key__is_in_no_representation():
    settings = Settings.from_environment()
    assert KEY not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize("variable", ["SUPABASE_URL", "SUPABASE_SECRET_KEY"])
def test_missing_variable__is_named(environment, variable):
    environment.delenv(variable)
    with pytest.raises(ConfigurationError, match=f"^{variable} is not set"):
        Settings.from_environment()


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("SUPABASE_URL", "", "SUPABASE_URL is not an address"),
        ("SUPABASE_URL", "project.supabase.co", "SUPABASE_URL is not an address"),
        ("SUPABASE_URL", "postgresql://127.0.0.1:5432/x", "SUPABASE_URL is not an address"),
        ("SUPABASE_URL", "https://x.supabase.co/rest/v1", "without a path such as /rest/v1"),
        ("SUPABASE_URL", "https://me:hunter2@x.supabase.co", "carries a user name or password"),
        ("SUPABASE_SECRET_KEY", "", "SUPABASE_SECRET_KEY is empty"),
        ("SUPABASE_SECRET_KEY", "  ", "SUPABASE_SECRET_KEY is empty"),
        ("SUPABASE_SECRET_KEY", "sb_publishable_hunter2", r"publishable key \(sb_publishable_…\)"),
        ("SUPABASE_SECRET_KEY", legacy_key("anon"), "legacy `anon` key"),
        ("SUPABASE_SECRET_KEY", "hunter2", r"not a secret key \(sb_secret_…\)"),
        ("SUPABASE_SECRET_KEY", "a.b.c", r"not a secret key \(sb_secret_…\)"),
        ("SUPABASE_SECRET_KEY", "sb_secret_hunter2\n", "spaces, line breaks"),
        ("RESUMEBASE_WORKER_CONCURRENCY", "", "RESUMEBASE_WORKER_CONCURRENCY: input should be"),
        ("RESUMEBASE_WORKER_CONCURRENCY", "0", "RESUMEBASE_WORKER_CONCURRENCY: .* equal to 1"),
        ("RESUMEBASE_WORKER_LEASE_SECONDS", "4", "RESUMEBASE_WORKER_LEASE_SECONDS: .* equal to 5"),
        ("RESUMEBASE_WORKER_POLL_MIN_SECONDS", "5", "RESUMEBASE_WORKER_POLL_MIN_SECONDS is above"),
        ("RESUMEBASE_WORKER_RETRY_MAX_SECONDS", "0.1", "RESUMEBASE_WORKER_RETRY_MIN_SECONDS is "),
    ],
)
def test_wrong_value__is_explained_and_not_repeated(environment, variable, value, complaint):
    environment.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        Settings.from_environment()
    assert "hunter2" not in str(caught.value)


def test_all_wrong_values__are_told_at_once(environment):
    environment.delenv("SUPABASE_URL")
    environment.setenv("RESUMEBASE_WORKER_CONCURRENCY", "many")
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment()
    assert len(str(caught.value).splitlines()) == 2


def test_legacy_service_role_key__is_accepted(environment):
    environment.setenv("SUPABASE_SECRET_KEY", legacy_key("service_role"))
    assert Settings.from_environment()
