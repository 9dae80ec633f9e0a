"""Other nodes: links over mutual TLS, and whom they are made with.

    peers            all `links`, which run over `tls` in `frames`; `gate` is for who is not known yet
    neighbours       whom to link with, by the memberships; `introductions` are for who was away
    refusals         what others were refused, counted

Imports ledger and contracts, and of the node `errors`, `limits` and `statistics`.
"""
