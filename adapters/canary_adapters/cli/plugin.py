"""``kubectl canary``: the same commands as a plugin of kubectl, and their completion.

kubectl runs ``kubectl-canary`` for ``kubectl canary``, and asks ``kubectl_complete-canary`` for completions: the words
as arguments, the one that is being typed last; candidates on lines of their own, then a colon and a directive of
cobra's.
https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/
https://pkg.go.dev/github.com/spf13/cobra#ShellCompDirective
"""

import io
import os
import shlex
import sys
from contextlib import redirect_stdout, suppress

from canary_adapters.cli.main import COMPLETE, main

__all__ = ["complete", "run"]

_NO_FILES = ":4"
"""``ShellCompDirectiveNoFileComp``."""


def run() -> None:
    """Run the command line as ``kubectl canary``."""
    main("kubectl canary")


def complete() -> None:
    """Print completions as kubectl takes them."""
    words = sys.argv[1:]
    os.environ |= {
        COMPLETE: "complete_bash",
        "COMP_WORDS": shlex.join(["canary", *words]),
        "COMP_CWORD": str(len(words)),
    }
    found = io.StringIO()
    with redirect_stdout(found), suppress(SystemExit):
        main()
    for line in filter(str.strip, found.getvalue().splitlines()):
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{_NO_FILES}\n")
