"""Equations without files: endless epochs from a recipe, and everything that a split leaves."""
