"""The real data path on a laptop: proxy, applications, load and metrics as processes of this machine."""
