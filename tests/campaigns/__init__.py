"""A fault at every API request of the real adapters: stories, faults, laws and trials."""
