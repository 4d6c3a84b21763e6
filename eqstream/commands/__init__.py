"""The commands of `eqstream`, and what they share."""
