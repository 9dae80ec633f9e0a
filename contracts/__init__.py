"""Tallystick: contracts."""
