"""Networks of real processes under faults, seen from outside.

    links       TCP between nodes, each direction of which can be cut, silenced, slowed
    cluster     the processes: started, killed, stopped, asked
    load        clients that submit throughout and remember what they were told
    checks      what must hold after every fault
    stage       what a fault is played on
    faults      harm to processes and links
    clocks      wrong wall clocks
    disks       harm to disks
    campaign    one fault after the other, each followed by every check

A short selection runs as a test; `scripts/chaos` plays whole campaigns. Read `campaign.play` first.
"""

from chaos.campaign import Played, in_rounds, play, possible, running
from chaos.cluster import Broken, Cluster
from chaos.faults import PROCESSES_AND_LINKS, Fault

__all__ = [
    "PROCESSES_AND_LINKS",
    "Broken",
    "Cluster",
    "Fault",
    "Played",
    "in_rounds",
    "play",
    "possible",
    "running",
]
