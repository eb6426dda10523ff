"""How many webhooks a second, beside another service on the same Postgres."""
