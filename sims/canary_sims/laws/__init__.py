"""What is true of a rollout at every instant: facts, invariants, and the witness that checks them over a world."""
