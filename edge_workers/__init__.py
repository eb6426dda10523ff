"""What SQL cannot do for resumebase: read documents, call providers, run the queue's tasks."""
