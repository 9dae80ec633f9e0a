"""Prices with proof: a quote is a file that recomputes to the unit, offline."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["quotes"])
