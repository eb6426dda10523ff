"""The HTTP service: webhooks of payment providers, checkout and portal, health and metrics."""
