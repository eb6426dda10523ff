"""POST /portal: where a subscription is managed, and ending one."""

import pytest

from .conftest import add_subscription, error


@pytest.fixture
def at_stripe(user, stripe, ask):
    """A user with a subscription at Stripe, and the row of it."""
    name = f"sub_{stripe.mark}"
    entity = stripe.subscribe(name)
    stripe.customers.add(entity["customer"])
    return add_subscription(ask, user, "stripe", name)


@pytest.fixture
def at_razorpay(user, razorpay, ask, post):
    body = {"provider": "razorpay", "kind": "plan", "code": "pro", "interval": "month"}
    name = post("/checkout", body, user=user, key="k1").json()["subscription_id"]
    razorpay.activate(name, start=1, end=2)
    return add_subscription(ask, user, "razorpay", name)


def test_portal_of_stripe__is_a_session_for_the_customer(post, user, stripe, at_stripe):
    response = post("/portal", {}, user=user)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["url"].startswith("https://billing.stripe.example/")
    assert answer["actions"] == ["open", "cancel"]
    assert answer["subscription"]["id"] == str(at_stripe["id"])
    assert answer["subscription"].keys() == {
        "id",
        "plan_code",
        "status",
        "current_period_end",
        "cancel_at_period_end",
    }
    (asked,) = stripe.calls("POST", "/v1/billing_portal/sessions")
    # The client cannot say where to come back to.
    assert asked.form()["return_url"].startswith("https://app.example.com/thanks")


def test_portal_of_stripe__comes_back_to_the_page_that_is_set(post, user, stripe, billing, ask):
    stripe.customers.add(user.user_id)
    ask("insert into billing_customers values (%s, 'stripe', %s)", user.user_id, user.user_id)
    page = "https://app.example.com/billing"
    settings = billing.model_copy(update={"portal_return_url": page})
    answer = post("/portal", {}, user=user, settings=settings).json()
    assert answer.keys() == {"provider", "url", "actions"}
    assert answer["actions"] == ["open"]
    (asked,) = stripe.calls("POST", "/v1/billing_portal/sessions")
    assert asked.form() == {"customer": user.user_id, "return_url": page}


def test_portal_of_razorpay__is_the_page_of_the_subscription(post, user, razorpay, at_razorpay):
    answer = post("/portal", {}, user=user).json()
    name = at_razorpay["provider_subscription_id"]
    assert answer["url"] == razorpay.subscriptions[name]["short_url"]
    assert answer["actions"] == ["open", "cancel"]


@pytest.mark.parametrize("provider", ["stripe", "razorpay"])
def test_portal__says_when_the_provider_is_in_trouble(
    post, user, ask, razorpay, stripe, billing, provider
):
    add_subscription(ask, user, provider, f"sub_{user.user_id}", customer="cus_1")
    fake = {"razorpay": razorpay, "stripe": stripe}[provider]
    error(post("/portal", {}, user=user), 502, "provider-missing")
    fake.moods.append(500)
    error(post("/portal", {}, user=user), 502, "provider-unavailable")
    without = billing.model_copy(update={"stripe_secret_key": None, "razorpay_key_id": None})
    response = post("/portal", {}, user=user, settings=without)
    error(response, 503, "provider-not-configured")


def test_cancel__is_queued_once_whatever_is_set_up(post, user, billing, ask, at_stripe):
    without = billing.model_copy(update={"stripe_secret_key": None})
    first = post("/portal", {"action": "cancel"}, user=user, settings=without)
    assert (first.status_code, first.json()["status"]) == (200, "requested")
    name = {"action": "cancel", "subscription_id": str(at_stripe["id"])}
    assert post("/portal", name, user=user).json()["status"] == "done"
    tasks = ask(
        "delete from queue.tasks where payload ->> 'provider_subscription_id' = %s "
        "returning payload",
        at_stripe["provider_subscription_id"],
    )
    assert [task["payload"]["at_period_end"] for task in tasks] == [True]


def test_cancel_of_a_stranger__is_not_found(post, stranger, ask, at_stripe):
    add_subscription(ask, stranger, "stripe", f"sub_{stranger.user_id}")
    body = {"action": "cancel", "subscription_id": str(at_stripe["id"])}
    error(post("/portal", body, user=stranger), 404, "not-found")


def test_nothing_bought__is_not_found(post, user):
    error(post("/portal", {}, user=user), 404, "not-found")
    error(post("/portal", {"action": "cancel"}, user=user), 404, "not-found")


@pytest.mark.parametrize(
    "body", [{"return_url": "https://evil.example"}, {"action": "delete"}, {"subscription_id": "1"}]
)
def test_anything_else_in_the_body__is_refused(post, user, body):
    error(post("/portal", body, user=user), 422, "invalid-request")
