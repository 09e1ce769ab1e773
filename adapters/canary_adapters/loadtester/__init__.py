"""The load tester: the webhook server that makes traffic for an analysis, runs checks and keeps gates."""
