"""The loop around the consensus core: what the core says is carried out, and nothing else decides.

    driver           the only loop; `tick_clock` is its clock
    proposer         makes blocks while the node leads: when and of how much, says `sealing`
    member_changes   proposes the next step of a change of the members
    appender         reproduce, store, report: strictly in order, one thread for the disk
    committed        what a commit means for those who wait
    catch_up         how far behind this node is, and whether it may yield to others
    leadership       linearizable reads, and handing over
    clocks           what the voters' clocks have reached: the time of the next block

Imports ledger and consensus, and of the node all other packages but `api`.
"""
