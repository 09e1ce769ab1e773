"""Bugs that are put in on purpose: what campaigns and exploration must find, or they prove nothing."""
