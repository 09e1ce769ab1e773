"""Teams that share a cluster and try to harm each other: one attack each, a victim beside them, and what came of it."""
