"""Transactions at the door, and until they are seen on the ledger.

    admission        the ladder of checks, for clients and for other nodes; `signatures` in threads
    mempool          what was taken in; fair shares. `outcome` is what whoever waits is told
    forwarding       to the leader, again after every change of leader

Imports ledger, and of the node `peering`, `errors`, `limits` and `statistics`.
"""
