"""Tallystick: node."""
