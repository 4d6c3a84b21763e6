"""Beam pipelines that build, verify and describe datasets of equations."""
