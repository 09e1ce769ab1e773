"""Subcommands of ``canary`` that need the simulator. What they need is imported when they run: they load fast."""
