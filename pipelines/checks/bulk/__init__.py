"""Many equations at once, read from their texts and computed anew; shares no code with the writers of shards."""
