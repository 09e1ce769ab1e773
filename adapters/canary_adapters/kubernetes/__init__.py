"""Kubernetes: objects read from caches, written with optimistic concurrency, in raw JSON."""
