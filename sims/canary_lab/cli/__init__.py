"""Commands of the laboratory: `canary cluster`, `canary mesh`, `canary demo`."""
