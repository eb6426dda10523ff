"""What an environment knows of the payment providers: where it comes from, most specific first.

1. `RESUMEBASE_<NAME>_<VARIABLE>` of the process, such as `RESUMEBASE_STAGING_STRIPE_SECRET_KEY`;
2. `<VARIABLE>` in the git-ignored file `.env.<name>`;
3. `<VARIABLE>` of the process, which is what a CI job usually has.

An embedded stack makes its own webhook secrets, so that samples can be signed at once. One that is
set as well, such as that of `stripe listen`, is accepted beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from cli.connection import find_variables
from cli.environments import Environment

VARIABLES = (
    "RAZORPAY_KEY_ID",
    "RAZORPAY_KEY_SECRET",
    "RAZORPAY_WEBHOOK_SECRET",
    "RAZORPAY_WEBHOOK_SECRET_PREVIOUS",
    "RAZORPAY_API_URL",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "STRIPE_WEBHOOK_SECRET_PREVIOUS",
    "STRIPE_API_URL",
    "CHECKOUT_SUCCESS_URL",
    "CHECKOUT_CANCEL_URL",
    "PORTAL_RETURN_URL",
    "PROVIDER_TIMEOUT_SECONDS",
)


def find_billing_variables(
    environment: Environment, stack_secrets: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the variables of BillingSettings that are set for the environment.

    `stack_secrets` are the webhook secrets of an embedded stack by provider, which come first.
    """
    found = {
        name: secret.value
        for name, secret in find_variables(environment, {name: name for name in VARIABLES}).items()
        if secret.value
    }
    return with_stack_secrets(found, stack_secrets or {})


def with_stack_secrets(
    variables: Mapping[str, str], stack_secrets: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables with a stack's own webhook secrets, and what they displace as second."""
    result = dict(variables)
    for provider, secret in stack_secrets.items():
        name = f"{provider.upper()}_WEBHOOK_SECRET"
        if name in result and result[name] != secret:
            result[f"{name}_PREVIOUS"] = result[name]
        result[name] = secret
    return result
