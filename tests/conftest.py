"""What all tests share: how random examples are drawn."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A busy machine is no defect: no example may fail for its time. Whole tests are bounded by pytest's timeout.
settings.register_profile("tallystick", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tallystick")
