"""What `verify` checks, and what it found."""
