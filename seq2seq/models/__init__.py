"""The models, one a file; `registry` finds them by their kind."""
