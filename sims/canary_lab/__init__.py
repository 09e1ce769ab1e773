"""The laboratory: an embedded Kubernetes API server, a mesh of real Envoys and a demo, on one machine."""
