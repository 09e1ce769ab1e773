"""A service mesh on this machine: pods as local processes behind a real Envoy, measured by a real Prometheus."""
