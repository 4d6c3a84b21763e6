"""Beam runners, worker processes, files on any Beam filesystem, and progress."""
