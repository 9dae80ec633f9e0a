"""The process: one node that wires ledger, consensus and contracts to the world.

Read `driver` first: the only loop around the consensus core, and `tick_clock` its clock. A transaction's way:

    api            the request, parsed once
    service        what the API may ask of a node; `outcome` is its answer
    admission      the ladder of checks at the door, for clients and for other nodes; `signatures`
    mempool        what was taken in and is not yet seen on the ledger; fair shares
    forwarding     to the leader, again after every change of leader
    driver         carries out what the core says, and has blocks made while the node leads
    proposer       makes and proposes them: when and of how much, says `sealing`; also for `member_changes`
    committed      what a commit means for those who wait
    appender       reproduce, store, report: strictly in order, one thread for the disk
    catch_up       how far behind this node is, and whether it may yield to others
    raft_storage   the ledger as the core's log
    leadership     linearizable reads, and handing over
    readiness      why the node is not ready, and what to do; `problem` is why it does not do its work

Other nodes:

    peers          all `links`, which run over `tls` in `frames`; `gate` is for who is not known yet
    neighbours     whom to link with, by the memberships; `introductions` are for who was away
    refusals       what others were refused, counted
    clocks         what the voters' clocks have reached: the time of the next block
    watch          looks out for lies; `evidence` keeps their proofs; `large_proofs` go in parts
    refused_blocks those that could not be reproduced, kept

A log that is too far ahead is not replayed but fetched as a state:

    state_transfer   both sides of it; `pace` keeps it out of the way of the rest
    snapshot_server  gives chunks, to whoever sends `snapshot_asks`
    snapshot_fetch   which chunk from whom; `snapshot_import` checks and keeps them

Around all this: `node` puts one together, `main` is the process and `__main__` its start, `disk` says what
the data folder still holds of what was promised, `second_mark` beside the key finds out that it was set
back, `settings`, `identity`, `statistics`, `telemetry`, `trace_file`, `logs`, `limits`, `errors`.

May import: ledger, consensus, contracts.
"""
