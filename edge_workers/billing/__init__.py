"""Payment providers: what they say becomes one kind of change, whoever says it."""
