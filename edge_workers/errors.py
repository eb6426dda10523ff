"""The exceptions of the workers, as one tree.

ResumebaseError
├── ConfigurationError      a setting is missing or wrong
├── StaleLease              the task was given to somebody else meanwhile
├── BackendUnavailable      Supabase did not answer, or answered with a 5xx
├── BackendRefused          Supabase understood the call and refused it
└── TaskFailed              the task ends without a result; the message is for its user
    ├── RetryLater          … but another attempt may succeed
    └── DocumentRejected    the document cannot be read, and never will be
"""


class ResumebaseError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigurationError(ResumebaseError):
    """A setting is missing or wrong; the message says which one and how to mend it."""


class StaleLease(ResumebaseError):
    """The lease ran out and the task went back to the queue: whatever was computed is dropped."""


class BackendUnavailable(ResumebaseError):
    """Supabase could not be reached or failed; the same call may succeed later."""


class BackendRefused(ResumebaseError):
    """Supabase refused the call: a wrong key, a missing migration, or a value it cannot store."""


class TaskFailed(ResumebaseError):
    """The task has no result. The message is shown to the user who asked for it."""

    retryable = False


class RetryLater(TaskFailed):
    """The task has no result yet; the queue tries again after a pause."""

    retryable = True


class DocumentRejected(TaskFailed):
    """A document that cannot be read: a scan without text, encrypted, broken, or no document."""
