"""What happens while a model is trained: batches, callbacks, the state that lets it resume."""
