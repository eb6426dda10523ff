"""POST /checkout: the real SDKs against fakes of both providers, the real Auth and database."""

import pytest

from . import fake_razorpay
from .conftest import SECRETS, error

PLAN = {"provider": "razorpay", "kind": "plan", "code": "pro", "interval": "month"}
TOKENS = {"provider": "razorpay", "kind": "tokens", "code": "small"}
STRIPE_PLAN = {**PLAN, "provider": "stripe"}
STRIPE_TOKENS = {**TOKENS, "provider": "stripe"}


def checkouts(ask, user):
    return ask("select * from private.checkouts where user_id = %s", user.user_id)


def test_plan_at_razorpay__is_a_subscription_to_authorise(post, user, razorpay, ask):
    response = post("/checkout", PLAN, user=user, key="k1")
    assert response.status_code == 201, response.text
    (subscription,) = razorpay.subscriptions.values()
    (row,) = checkouts(ask, user)
    assert response.json() == {
        "id": str(row["id"]),
        "provider": "razorpay",
        "kind": "plan",
        "code": "pro",
        "status": "open",
        "amount": 49900,
        "currency": "INR",
        "url": subscription["short_url"],
        "key_id": fake_razorpay.KEY_ID,
        "subscription_id": subscription["id"],
    }
    assert response.headers["cache-control"] == "no-store"
    assert subscription["plan_id"] == "plan_local_pro_month"
    assert subscription["total_count"] == 120
    assert subscription["notes"] == {
        "user_id": user.user_id,
        "kind": "subscription",
        "price_id": "plan_local_pro_month",
        "checkout": str(row["id"]),
    }
    assert row["checkout_id"] == subscription["id"]


def test_year_at_razorpay__has_ten_cycles(post, user, razorpay):
    post("/checkout", PLAN | {"interval": "year"}, user=user, key="k1")
    (subscription,) = razorpay.subscriptions.values()
    assert (subscription["plan_id"], subscription["total_count"]) == ("plan_local_pro_year", 10)


def test_tokens_at_razorpay__are_an_order_with_our_notes(post, user, razorpay, ask):
    response = post("/checkout", TOKENS, user=user, key="k1")
    (order,) = razorpay.orders.values()
    (row,) = checkouts(ask, user)
    answer = response.json()
    assert (answer["order_id"], answer["amount"], answer["currency"]) == (
        order["id"],
        order["amount"],
        order["currency"],
    )
    assert answer["key_id"] == fake_razorpay.KEY_ID
    assert "url" not in answer
    assert order["receipt"] == str(row["id"])
    assert (order["amount"], row["tokens"]) == (row["amount"], 100)
    (price,) = ask("select * from token_pack_prices where id = %s", row["pack_price_id"])
    assert order["notes"]["user_id"] == user.user_id
    assert (order["notes"]["kind"], order["notes"]["price_id"]) == (
        "tokens",
        price["provider_price_id"],
    )


def test_plan_at_stripe__is_a_session_with_our_metadata(post, user, stripe, ask):
    response = post("/checkout", STRIPE_PLAN, user=user, key="k1")
    assert response.status_code == 201, response.text
    (session,) = stripe.sessions.values()
    (asked,) = stripe.calls("POST", "/v1/checkout/sessions")
    form = asked.form()
    (row,) = checkouts(ask, user)
    assert response.json()["session_id"] == session["id"]
    assert response.json()["url"] == session["url"]
    assert "key_id" not in response.json()
    assert form["mode"] == "subscription"
    assert form["line_items[0][price]"] == "plan_local_pro_month"
    assert form["client_reference_id"] == user.user_id
    assert form["customer_email"] == user.email
    assert form["success_url"].startswith("https://app.example.com/thanks")
    for place in ("metadata", "subscription_data[metadata]"):
        assert form[f"{place}[user_id]"] == user.user_id
        assert form[f"{place}[checkout]"] == str(row["id"])


def test_tokens_at_stripe__are_paid_once_by_a_customer_to_be(post, user, stripe):
    post("/checkout", STRIPE_TOKENS, user=user, key="k1")
    (asked,) = stripe.calls("POST", "/v1/checkout/sessions")
    form = asked.form()
    assert form["mode"] == "payment"
    assert form["customer_creation"] == "always"
    assert form["payment_intent_data[metadata][kind]"] == "tokens"
    assert form["payment_intent_data[metadata][user_id]"] == user.user_id


def test_known_customer__is_named(post, user, stripe, ask):
    ask("insert into billing_customers values (%s, 'stripe', %s)", user.user_id, user.user_id)
    post("/checkout", STRIPE_TOKENS, user=user, key="k1")
    (asked,) = stripe.calls("POST", "/v1/checkout/sessions")
    assert asked.form()["customer"] == user.user_id


def test_customer_that_was_deleted_at_stripe__may_buy_as_a_new_one(post, user, stripe, ask):
    ask("insert into billing_customers values (%s, 'stripe', %s)", user.user_id, user.user_id)
    stripe.deleted_customers.add(user.user_id)
    answer = post("/checkout", STRIPE_TOKENS, user=user, key="k1")
    assert answer.status_code == 201
    _, asked = stripe.calls("POST", "/v1/checkout/sessions")
    assert "customer" not in asked.form()
    assert asked.form()["customer_creation"] == "always"


@pytest.mark.parametrize("body", [PLAN, TOKENS, STRIPE_PLAN, STRIPE_TOKENS])
def test_same_key__is_the_same_checkout_and_asks_nobody(post, user, razorpay, stripe, body):
    first = post("/checkout", body, user=user, key="k1")
    second = post("/checkout", body | {"idempotency_key": "k1"}, user=user)
    assert (first.status_code, second.json()) == (201, first.json())
    asked = [(each.method, each.path) for each in (*razorpay.asked, *stripe.asked)]
    assert len(asked) == 1, asked


@pytest.mark.parametrize("body", [PLAN, TOKENS, STRIPE_PLAN, STRIPE_TOKENS])
def test_answer_that_was_lost__is_found_again(post, user, razorpay, stripe, body):
    fake = {"razorpay": razorpay, "stripe": stripe}[body["provider"]]
    fake.moods.append("late")
    error(post("/checkout", body, user=user, key="k1"), 502, "provider-unavailable")
    response = post("/checkout", body, user=user, key="k1")
    assert response.status_code == 201
    made = [*razorpay.orders, *razorpay.subscriptions, *stripe.sessions]
    assert len(made) == 1
    assert made[0] in response.json().values()


def test_same_key_for_another_purchase__is_refused(post, user):
    post("/checkout", PLAN, user=user, key="k1")
    error(post("/checkout", TOKENS, user=user, key="k1"), 409, "key-used")


def test_same_key_of_another_user__is_another_checkout(post, user, stranger):
    first = post("/checkout", TOKENS, user=user, key="k1").json()
    assert post("/checkout", TOKENS, user=stranger, key="k1").json()["id"] != first["id"]


@pytest.mark.parametrize(
    ("mood", "status", "code"),
    [
        ("hang_up", 502, "provider-unavailable"),
        ("malformed", 502, "provider-unavailable"),
        ("list", 502, "provider-unavailable"),
        (500, 502, "provider-unavailable"),
        (429, 502, "provider-unavailable"),
        (401, 502, "provider-keys-refused"),
        (400, 502, "provider-refused"),
        ("slow", 504, "provider-timeout"),
    ],
)
@pytest.mark.parametrize("provider", ["razorpay", "stripe"])
def test_trouble_at_the_provider__says_what_it_is(
    post, visitor, billing, razorpay, stripe, provider, mood, status, code, capfd
):
    {"razorpay": razorpay, "stripe": stripe}[provider].moods.append(mood)
    quick = billing.model_copy(update={"provider_timeout_seconds": 0.3})
    body = TOKENS | {"provider": provider}
    key = f"{provider} {mood}".replace(" ", "-")
    error(post("/checkout", body, user=visitor, key=key, settings=quick), status, code)
    said = "".join(capfd.readouterr())
    assert not any(secret in said for secret in SECRETS)
    # The checkout is still good.
    assert post("/checkout", body, user=visitor, key=key).status_code == 201


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        (TOKENS, "razorpay_key_secret"),
        (STRIPE_TOKENS, "stripe_secret_key"),
        (STRIPE_TOKENS, "checkout_success_url"),
        (STRIPE_TOKENS, "checkout_cancel_url"),
    ],
)
def test_missing_setting__is_named_and_nothing_is_begun(post, visitor, billing, ask, body, missing):
    without = billing.model_copy(update={missing: None})
    response = post("/checkout", body, user=visitor, key="k1", settings=without)
    assert missing.upper() in error(response, 503, "provider-not-configured")["hint"]
    assert checkouts(ask, visitor) == []


@pytest.mark.parametrize("token", [None, "x", "a.b.c", "eyJhbGciOiJIUzI1NiJ9.e30.x", "x" * 9000])
@pytest.mark.parametrize("path", ["/checkout", "/portal"])
def test_without_a_good_token__nobody_is_served(post, razorpay, token, path):
    response = post(path, TOKENS, token=token, key="k1")
    error(response, 401, "not-signed-in")
    assert response.headers["www-authenticate"] == "Bearer"
    assert razorpay.asked == []


def test_keys_of_the_project__are_no_user(post, stack):
    for key in (stack.publishable_key, stack.secret_key):
        error(post("/checkout", TOKENS, token=key, key="k1"), 401, "not-signed-in")


@pytest.mark.parametrize("change", ["is_active = false", "deleted_at = now()"])
@pytest.mark.parametrize(("path", "body"), [("/checkout", TOKENS), ("/portal", {})])
def test_blocked_or_leaving_account__is_refused(post, user, ask, change, path, body):
    ask(f"update profiles set {change} where id = %s", user.user_id)
    error(post(path, body, user=user, key="k1"), 403, "account-not-active")


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 1},
        {"user_id": "00000000-0000-4000-8000-000000000000"},
        {"success_url": "https://evil.example"},
        {"price_id": "price_1"},
        {"provider": "manual"},
        {"kind": "subscription"},
        {"code": "small'; --"},
        {"interval": "month"},
        {"currency": "inr"},
        {"currency": 1},
        {"idempotency_key": "with space"},
        {"idempotency_key": "x" * 201},
    ],
)
def test_anything_else_in_the_body__is_refused(post, visitor, ask, change):
    error(post("/checkout", TOKENS | change, user=visitor, key=None), 422, "invalid-request")
    assert checkouts(ask, visitor) == []


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"null", b"\xff", b'{"provider": "x\\u0000"}']
)
def test_body_that_is_no_request__is_refused(post, visitor, content):
    error(post("/checkout", user=visitor, key="k1", content=content), 422, "invalid-request")


def test_large_body__is_refused(post, visitor):
    error(post("/checkout", user=visitor, key="k1", content=b" " * 5000), 413, "too-large")


def test_plan_without_an_interval__is_refused(post, visitor):
    body = {name: value for name, value in PLAN.items() if name != "interval"}
    answer = post("/checkout", body, user=visitor, key="k1")
    error(answer, 422, "invalid-request")
    assert answer.json()["message"].startswith("body: a plan has an interval")


def test_missing_or_odd_key__is_refused(post, visitor):
    error(post("/checkout", TOKENS, user=visitor), 400, "idempotency-key-missing")
    error(post("/checkout", TOKENS, user=visitor, key="a b"), 422, "invalid-request")


def test_what_is_not_sold__is_not_found(post, visitor, razorpay):
    error(post("/checkout", PLAN | {"code": "free"}, user=visitor, key="k1"), 404, "not-found")
    error(post("/checkout", TOKENS | {"currency": "USD"}, user=visitor, key="k2"), 404, "not-found")
    assert razorpay.asked == []


def test_plan_that_runs_already__leads_to_the_portal(post, user, ask, razorpay):
    ask(
        "insert into subscriptions (user_id, provider, provider_subscription_id, plan_code, "
        "status, current_period_end) values (%s, 'stripe', %s, 'pro', 'active', 'tomorrow')",
        user.user_id,
        f"sub_{user.user_id}",
    )
    refused = error(post("/checkout", PLAN, user=user, key="k1"), 409, "already-subscribed")
    assert "/portal" in refused["hint"]
    assert razorpay.asked == []


def test_too_many_checkouts__have_to_wait(post, user):
    for number in range(10):
        assert post("/checkout", TOKENS, user=user, key=f"k{number}").status_code == 201
    response = post("/checkout", TOKENS, user=user, key="k10")
    error(response, 429, "too-many-requests")
    assert 0 < int(response.headers["retry-after"]) <= 600
    # What was begun is still there for whoever asks again.
    assert post("/checkout", TOKENS, user=user, key="k3").status_code == 201
