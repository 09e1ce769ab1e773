"""What a command raises when it cannot do what it was asked. `canary_adapters.cli.main` makes exit codes of it."""

__all__ = ["BAD_INPUT", "FAILED", "BadInputError"]

FAILED = 1
"""Exit code: the rollout failed, or a check did not hold."""
BAD_INPUT = 2
"""Exit code: what was given cannot be used."""


class BadInputError(Exception):
    """What the user gave cannot be used.

    Attributes:
        messages: One line each; say what is wrong, where, and what is allowed.
    """

    def __init__(self, *messages: str) -> None:
        self.messages = messages
        super().__init__("\n".join(messages))
