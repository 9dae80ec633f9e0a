"""The forms of what is shown, for the OpenAPI document; the `*_views` of `contracts` make the values.

Amounts are integers of minor units of the `currency` beside them, days ISO text. The models
forbid fields that they do not name, and a test reads every view through its model: what is
written here is what is sent.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """Base of all views: exactly the named fields."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
