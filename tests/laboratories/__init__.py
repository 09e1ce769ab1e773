"""API servers, meshes, processes and clusters in virtual time that tests run against."""
