"""The controller process: what changes wakes a rollout, the driver carries it on."""
