"""The node's HTTP API, one file for each resource; start reading at `app`.

`channel` is what all resources share, `problems` the one shape of every error; `bodies` and `parameters`
are the only places where bytes from outside become values; `forms` and the `*_forms` are what is shown.
Handlers read the chain through `node.service` and never touch consensus or the pool.
"""

from node.api.app import Front, create_app

__all__ = ["Front", "create_app"]
