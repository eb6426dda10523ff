"""Journeys that `resumebase demo` walks against a running stack, as real users would."""
