"""Worked solutions in bulk: from each line to the next for many lines at once; docs/solutions.md has the grammar."""
