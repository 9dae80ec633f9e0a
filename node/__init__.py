"""The process: one node that wires ledger, consensus and contracts to the world.

Read `loop/driver.py` first: the only loop around the consensus core. A transaction's way:

    api              the request, parsed once
    service          what the API may ask of a node
    intake           admission, the pool of what waits, forwarding to the leader
    loop             seals, proposes, reproduces, stores, commits
    raft_storage     the ledger as the core's log
    readiness        why the node is not ready, and what to do; `problem` is why it does not do its work

Beside it: `peering` is the links with other nodes, `snapshots` fetches a state where the log is too far
ahead, `accountability` looks out for lies; `pace` keeps what others need less out of the way of the rest.

Around all this: `node` puts one together, `main` is the process and `__main__` its start, `disk` says what
the data folder still holds of what was promised, `second_mark` beside the key finds out that it was set
back, `settings`, `identity`, `statistics`, `telemetry`, `trace_file`, `logs`, `limits`, `errors`.

May import: ledger, consensus, contracts.
"""
