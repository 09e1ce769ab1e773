"""Mistakes in a scenario, told like those in a manifest: all of a file at once, with place and what is allowed."""

from canary_adapters.manifests.mistakes import ManifestError

__all__ = ["ScenarioError"]


class ScenarioError(ManifestError):
    """A scenario cannot be used: bad input, to be mended by who wrote it.

    Attributes:
        mistakes: All of them, at least one; `canary_adapters.manifests.mistakes.Mistake.path` is the field
            (``events[2].declare.errorRate``).
    """
