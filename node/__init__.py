"""The process: one node that wires ledger, consensus and contracts to the world.

Read `driver` first: the only clock and loop around the consensus core. A transaction's way:

    api            the request, parsed once
    service        what the API may ask of a node
    admission      the ladder of checks at the door, for clients and for other nodes
    mempool        what was taken in and is not yet seen on the ledger; fair shares
    forwarding     to the leader, again after every change of leader
    driver         seals, proposes, carries out what the core says, commits
    appender       reproduce, store, report: strictly in order, one thread for the disk
    peers          frames over mutual TLS with the genesis block's keys

and around it: `node` puts one together, `main` is the process, `settings`, `identity`,
`raft_storage` (the ledger as the core's log), `signatures`, `statistics`, `logs`,
`telemetry`, `outcome`, `limits`, `errors`.

May import: ledger, consensus, contracts.
"""
