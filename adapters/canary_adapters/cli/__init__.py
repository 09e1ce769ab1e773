"""The ``canary`` command. Its subcommands come from the entry-point group ``canary.commands``, anybody's included."""
