"""The pages of the documentation: what they say to type, and a terminal to type it into."""
