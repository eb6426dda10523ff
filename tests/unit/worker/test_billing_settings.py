"""Settings of the payment providers: optional, never shown, and pages that are pages."""

import pytest
from pydantic import SecretStr

from edge_workers.billing.provider_errors import ProviderNotConfigured
from edge_workers.billing.providers import Providers
from edge_workers.errors import ConfigurationError
from edge_workers.settings import BillingSettings


def test_without_any__there_are_no_secrets_and_no_providers():
    settings = BillingSettings()
    assert settings.secrets() == ()
    for provider in ("razorpay", "stripe"):
        with pytest.raises(ProviderNotConfigured) as caught:
            Providers(settings).of(provider)
        assert f"{provider.upper()}_" in caught.value.hint


def test_secrets__are_all_that_must_not_reach_a_log():
    names = [name for name in BillingSettings.model_fields if "secret" in name]
    settings = BillingSettings(**{name: SecretStr(f"value of {name}") for name in names})
    assert sorted(settings.secrets()) == sorted(f"value of {name}" for name in names)
    assert "value of" not in repr(settings)


@pytest.mark.parametrize(
    "name", ["checkout_success_url", "checkout_cancel_url", "portal_return_url"]
)
@pytest.mark.parametrize("value", ["", "app.example.com/x", "javascript:alert(1)", "https://"])
def test_page_to_come_back_to__is_an_address(name, value):
    with pytest.raises(ConfigurationError, match=name.upper()):
        BillingSettings.from_environment(**{name: value})
    page = "https://app.example.com/thanks?session={CHECKOUT_SESSION_ID}"
    assert getattr(BillingSettings.from_environment(**{name: page}), name) == page


def test_timeout__is_positive():
    with pytest.raises(ConfigurationError):
        BillingSettings.from_environment(provider_timeout_seconds=0)
