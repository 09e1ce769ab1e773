"""Rollouts and inputs to try things on: trajectories, policies of the examples, failures met in the field."""
