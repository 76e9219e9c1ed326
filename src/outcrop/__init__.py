"""Outcrop: geological maps from satellite images, without labels."""

__version__ = "0.1.0"
