"""Tallystick: ledger."""
