"""What all tests share: how random examples are drawn, in which order tests run, and what is no garbage."""

from __future__ import annotations

import gc
import signal

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no defect: no example may fail for its time. Whole tests are bounded by pytest's timeout.
settings.register_profile("tallystick", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tallystick")


def pytest_configure() -> None:
    """What tests start hears Ctrl-C, also where a shell that runs the tests in the background ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real processes first: they wait more than they compute, so others have something to do beside them."""
    items.sort(key=lambda item: item.get_closest_marker("processes") is None)


def pytest_collection_finish() -> None:
    """What is imported and collected stays: to look through it for garbage took a fifth of all time."""
    gc.collect()
    gc.freeze()
