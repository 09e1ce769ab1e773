"""Applications and their canaries, as tests declare them, and what must be true of them."""
