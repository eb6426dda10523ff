"""What a sample event is about. `razorpay_samples.py` and `stripe_samples.py` make the events."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class SampleFacts:
    """The facts that all events of one sample lifecycle agree on; everything else is fictional.

    Amounts are in minor units of `currency`.
    """

    user_id: UUID
    at: datetime
    """When the event happens; aware, whole seconds."""
    subscription_id: str = "sub_Sample00000001"
    customer_id: str = "cust_Sample0000001"
    payment_id: str = "pay_Sample00000001"
    """Razorpay's payment; the payment intent at Stripe."""
    invoice_id: str = "inv_Sample00000001"
    checkout_id: str = "order_Sample000001"
    """The order at Razorpay, the checkout session at Stripe."""
    price_id: str = "plan_local_pro_month"
    amount: int = 49900
    currency: str = "INR"
    refunded_amount: int = 0
    period_start: datetime | None = None
    """The billing period; by default it starts at `at` and lasts a month."""
    period_end: datetime | None = None
    cancel_at_period_end: bool = False
    buys_tokens: bool = False
    """Whether payments, orders and checkout sessions are for tokens or for the subscription."""
