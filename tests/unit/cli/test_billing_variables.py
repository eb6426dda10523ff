"""Where the settings of payment providers come from, and what a local stack adds to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.billing_variables import VARIABLES, find_billing_variables, with_stack_secrets
from cli.environments import select
from edge_workers.settings import BillingSettings


def test_variables__are_the_fields_of_the_settings() -> None:
    assert {name.lower() for name in VARIABLES} == set(BillingSettings.model_fields)


def test_variable__of_the_environment_beats_file_beats_process(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    staging = select(project, "staging")
    assert find_billing_variables(staging) == {}
    monkeypatch.setenv("RAZORPAY_KEY_ID", "of the process")
    assert find_billing_variables(staging) == {"RAZORPAY_KEY_ID": "of the process"}
    file = project / ".env.staging"
    file.write_text("RAZORPAY_KEY_ID='of the file'\nSTRIPE_SECRET_KEY=sk_test_1\nOTHER=x\n")
    file.chmod(0o600)
    of_file = {"RAZORPAY_KEY_ID": "of the file", "STRIPE_SECRET_KEY": "sk_test_1"}
    assert find_billing_variables(staging) == of_file
    monkeypatch.setenv("RESUMEBASE_STAGING_RAZORPAY_KEY_ID", "own")
    assert find_billing_variables(staging)["RAZORPAY_KEY_ID"] == "own"


def test_stack_secret__comes_first_and_what_it_displaces_is_accepted_too() -> None:
    found = with_stack_secrets(
        {"STRIPE_WEBHOOK_SECRET": "of the cli", "RAZORPAY_WEBHOOK_SECRET": "same"},
        {"stripe": "own", "razorpay": "same"},
    )
    assert found == {
        "STRIPE_WEBHOOK_SECRET": "own",
        "STRIPE_WEBHOOK_SECRET_PREVIOUS": "of the cli",
        "RAZORPAY_WEBHOOK_SECRET": "same",
    }
