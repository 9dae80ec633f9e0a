"""Commands of a network: its nodes, its members, their keys, its day.

`network` runs one in a folder and `node` one process; `membership` changes the nodes, `recovery` goes on
after a loss of most. `organisations` lists who takes part, `keys` and `affiliations` are an organisation's
own, `calendar` shows and moves the business date, `parameters` are what the founders chose for good.
"""
