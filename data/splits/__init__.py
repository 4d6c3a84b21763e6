"""Which equations are kept, in which order, and which split and shard each belongs to."""
