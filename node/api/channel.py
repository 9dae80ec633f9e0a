"""What all resources of a channel share: the path before theirs, and what is asked before they answer."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute

from node.api import problems
from node.api.parameters import ChannelPath, Height, Level
from node.api.problems import Problem

CHANNEL_PREFIX = "/v1/channels/{channel}"


def name_of(route: APIRoute) -> str:
    """The operation's id in the OpenAPI document: the name of its function."""
    return route.name


def channel_router(tag: str) -> APIRouter:
    """A router whose routes are whole as soon as they are declared.

    Including a router in another makes each of its routes again, and looks for each request in both:
    the app takes the routes themselves.
    """
    return APIRouter(
        prefix=CHANNEL_PREFIX,
        tags=[tag],
        dependencies=[Depends(served_channel), Depends(read_level)],
        responses=problems.documented(404, 409, 422, 503),
        generate_unique_id_function=name_of,
    )


async def read_level(request: Request, level: Level = "local", at_least: Height = 0) -> None:
    """Let a read begin only when this node may answer it at the level that it names.

    Raises:
        NotAdmitted: that takes too long.
    """
    if level != "local" or at_least:
        await request.app.state.service.reach(linearizable=level == "linearizable", at_least=at_least)


async def served_channel(request: Request, channel: ChannelPath) -> None:
    """Let only requests for the channel pass that this node serves.

    It waits for nothing, but what is no coroutine goes to a thread and back: two wakes for each request.

    Raises:
        Problem: unknown_channel.
    """
    served: bytes = request.app.state.channel
    if channel != served.hex():
        raise unknown_channel(channel, served)


def unknown_channel(found: str, served: bytes) -> Problem:
    """The error of a path that names a channel which this node does not serve."""
    return Problem(
        "this node does not serve that channel",
        code="unknown_channel",
        field="channel",
        found=found,
        expected=served.hex(),
        remedy="Use the channel id of your profile; GET /v1/status names the one that this node serves.",
    )
