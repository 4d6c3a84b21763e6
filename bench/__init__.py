"""Measurements, never tests: speeds beside those of the usual ways, on the machine at hand."""
