"""The `resumebase` command line: environments, the local stack, migrations and workers."""
