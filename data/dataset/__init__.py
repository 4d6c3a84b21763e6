"""A dataset on disk: the names of its files, its manifest, its shards."""
