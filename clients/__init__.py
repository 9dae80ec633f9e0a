"""Tallystick: clients."""
