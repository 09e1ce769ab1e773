"""What delivers manifests to a cluster, as far as it concerns the objects: Fleet, Argo CD, Flux, kubectl, Flagger."""
