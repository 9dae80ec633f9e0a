"""The node's HTTP API, one file for each resource; start reading at `app`.

    app             all resources as one application; `channel` is the path that they share
    connections     HTTP with bounds, and the short way of a lone submission; its answers by `wire`
    bodies          the only places where bytes from outside become values: these and `parameters`
    problems        the one shape of every error
    answers         what the reading resources answer: views, proofs, what is not there
    forms           the forms of what is shown, for the OpenAPI document; `documentation` adds to it
    values          values of the ledger as JSON

    transactions    submitting, and what became of it; `events` tells of blocks as they come
    blocks          raw blocks; `exports` the whole state, as files
    trade           orders, shipments, invoices: `trade_forms`, `request_forms`; `resales` by `resale_forms`
    relationships   histories with proof: `relationship_forms`; `lenders` have their books
    organisations   who takes part, in what: `party_forms`, `programme_forms`
    quotes          prices with proof
    auctions        with `auction_forms`; `early_payments` with `early_forms`; `cash` with `cash_forms`
    demands         of lenders on suppliers, with `demand_forms`
    certificates    with `certificate_forms`; `insurance` with `insurance_forms`
    membership      the nodes, with `membership_forms`; `evidence` that one lied; `leader` hands over
    status          health, readiness, metrics

Handlers read the chain through `node.service` and never touch consensus or the pool.
"""

from node.api.app import Front, create_app

__all__ = ["Front", "create_app"]
