"""Equation spaces: finite ordered sets of equations with an exact size, `unrank` and `rank`."""
