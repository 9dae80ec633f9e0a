"""Reports for people: figures computed from what was proved, as text, tables, pages and drawings.

Read `portfolio_report` first: a lender's figures. `portfolio_basis` says where they come from,
`portfolio_page` and `portfolio_charts` show them. `disclosed` writes disclosures for regulators,
`cash_report` what exchanges of currencies cost. `chart` draws any figures as marks, `drawing` has the
marks as SVG and `raster` as PNG.

Imports ledger, contracts, and of the clients `errors`, `sdk`, `verification` and `models`.
"""
