"""Tallystick: consensus."""
