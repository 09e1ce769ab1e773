"""The article's rollout on this machine, live: a good version is promoted, a bad one is taken back."""
