"""The stages of a build: count, write, finalize, and the state that lets it resume."""
