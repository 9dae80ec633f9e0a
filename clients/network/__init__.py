"""A network of nodes in one folder: made, started, looked at, stopped; and who its nodes are.

    DIR/genesis.block           what everybody starts from
    DIR/network.json            nodes, addresses, processes, profiles
    DIR/recovered-as            of a network that is used no more: the folder of the one that goes on from it
    DIR/keys/<organisation>.pem the organisations' signing keys
    DIR/profiles/<organisation>.json
    DIR/nodes/<node>/           node.toml, node.key, node.pem (certificate), data/, node.log,
                                trace-<node>.jsonl if it is traced

For a laptop, a demonstration, a test: every organisation's key lies in one folder, which no
real network would do. There each organisation makes its own key (`tally keys new`) and only
public keys and certificates meet in the genesis document.

A second `up` of the same folder starts what is not running and keeps keys and ledger.

Read `description` first: what `network.json` says. `making` writes a folder, `processes` starts and stops its
nodes, `standing` says what they tell of themselves and orders a leader to hand over, and `membership` is an
organisation's part in who the nodes are, here or in a real network.

Imports ledger, contracts, and of the clients `errors`, `profile` and `sdk`.
"""

from clients.network.description import DESCRIPTION, GENESIS_FILE, Network, NodeProcess
from clients.network.making import (
    DEFAULT_NODES,
    DEFAULT_ORGANISATIONS,
    DEFAULT_PARAMETERS,
    PORTS,
    TIMINGS,
    check_timing,
    create,
    free_ports,
    furnish,
    join,
    leave,
    make_folders,
    make_node,
    node_ports,
)
from clients.network.processes import (
    check_can_run,
    down,
    interrupt_on_sigterm,
    start,
    up,
    wait_answering,
    wait_ready,
)
from clients.network.standing import (
    hand_over,
    hand_over_body,
    order_hand_over,
    status,
    status_at,
    told,
)

__all__ = [
    "DEFAULT_NODES",
    "DEFAULT_ORGANISATIONS",
    "DEFAULT_PARAMETERS",
    "DESCRIPTION",
    "GENESIS_FILE",
    "PORTS",
    "TIMINGS",
    "Network",
    "NodeProcess",
    "check_can_run",
    "check_timing",
    "create",
    "down",
    "free_ports",
    "furnish",
    "hand_over",
    "hand_over_body",
    "interrupt_on_sigterm",
    "join",
    "leave",
    "make_folders",
    "make_node",
    "node_ports",
    "order_hand_over",
    "start",
    "status",
    "status_at",
    "told",
    "up",
    "wait_answering",
    "wait_ready",
]
