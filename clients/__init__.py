"""The clients: what people and their systems run to write to the ledger, and to check what it says.

They work against any node by its HTTP API and believe none: only one genesis block, and what is proved
from it on. Read `trust.py` and `sdk/session.py` first. The packages are `sdk` (the library), `cli`
(`tally`), `importers` (files of the trade), `screening` (signs of fraud), `story` (the demonstration)
and `data` (what it is played on).

    profile trust kept_models        who a client is and where the nodes are; what it trusts, and keeps of it
    errors start                     what goes wrong, with remedies; where `tally` begins
    verifier export_file             a file checked offline, step by step; a whole export or an extract
    auditor partial_audit            a chain computed again, from its beginning or from a snapshot on
    evidence                         what proves that a node lied
    network membership               nodes in one folder; an organisation's part in who the nodes are
    disclosed cash_report            figures for regulators; what exchanges of currencies cost
    training_export model_record model_report    rows to train on; a model's record; how models fare
    portfolio_basis portfolio_report             where a lender's report comes from; its figures
    portfolio_page portfolio_charts chart        the report as a page; its charts; charts of any figures
    drawing raster                   marks as SVG and as PNG
    prospects allocating optimum     what a lender could buy; a plan for a budget; the best one, by a solver
    pledge_tags sealed_bids          what a lender blinds, and what it keeps secret until it is opened
    pain001                          payments as a file for a bank

Imports ledger and contracts, never node.
"""
