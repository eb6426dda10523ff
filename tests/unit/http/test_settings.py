"""What the HTTP service is told, by whom, and what it will not take."""

import socket

import pytest

from edge_workers.errors import ConfigurationError
from edge_workers.http.server import run_http_service
from edge_workers.settings import BillingSettings, HttpSettings

KEY = "sb_secret_0123456789"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:54321/")
    monkeypatch.setenv("SUPABASE_SECRET_KEY", KEY)
    return monkeypatch


def test_settings__come_from_variables_with_their_own_prefix(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("RESUMEBASE_HTTP_PORT", "8080")
    environment.setenv("RESUMEBASE_HTTP_REQUEST_TIMEOUT_SECONDS", "3")
    environment.setenv("RESUMEBASE_WORKER_REQUEST_TIMEOUT_SECONDS", "7")
    settings = HttpSettings.from_environment()
    assert (settings.supabase_url, settings.port) == ("http://127.0.0.1:54321", 8080)
    assert settings.request_timeout_seconds == 3
    assert HttpSettings.from_environment(port=9000).port == 9000


def test_defaults__answer_before_a_provider_gives_up() -> None:
    settings = HttpSettings.from_environment()
    assert settings.host == "127.0.0.1"
    assert settings.request_timeout_seconds < 5
    assert settings.store_timeout_seconds < 5
    assert settings.linger_seconds < 0.01


@pytest.mark.parametrize(
    ("value", "origins"),
    [
        ("", ()),
        ("https://a.example.com", ("https://a.example.com",)),
        (
            " https://a.example.com/ , http://localhost:3000",
            ("https://a.example.com", "http://localhost:3000"),
        ),
    ],
)
def test_origins__are_separated_by_commas(
    environment: pytest.MonkeyPatch, value: str, origins: tuple[str, ...]
) -> None:
    environment.setenv("RESUMEBASE_HTTP_ALLOWED_ORIGINS", value)
    assert HttpSettings.from_environment().allowed_origins == origins


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOWED_ORIGINS", "*"),
        ("ALLOWED_ORIGINS", "https://a.example.com/page"),
        ("METRICS_TOKEN", "hunter2"),
        ("MAX_CONNECTIONS", "0"),
        ("MAX_BATCH_EVENTS", "501"),
        ("PORT", "65536"),
    ],
)
def test_wrong_value__is_named_and_not_repeated(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(f"RESUMEBASE_HTTP_{name}", value)
    with pytest.raises(ConfigurationError, match=f"RESUMEBASE_HTTP_{name}") as caught:
        HttpSettings.from_environment()
    assert "hunter2" not in str(caught.value)


def test_metrics_token__is_in_no_representation() -> None:
    settings = HttpSettings.from_environment(metrics_token="0123456789abcdef")
    assert "0123456789abcdef" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_port_that_is_taken__is_said_before_anything_is_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = HttpSettings.from_environment(port=taken.getsockname()[1])
        with pytest.raises(ConfigurationError, match="Another program listens there"):
            run_http_service(settings, BillingSettings())
