"""What may be cut: entries of which an election shows that nobody has them certified, or ever will.

A leader of a later term may take the place of entries that were acknowledged and not committed
(CR-24). That it says so is not enough: a member that only poses as a leader would make honest nodes
destroy their copies of an entry that is certified elsewhere. So a follower asks for a proof that has
nothing to do with who sends it:

    an election *excludes* the entry (t, i) if its term is later than t, and voters whose ballots
    state positions before (t, i) make a majority of a half of the members that govern the entry

Why that is enough. A certificate of (t, i), or of an entry of a term T >= t above it, has a quorum in
each half; so it shares a voter with that majority, who signed both. An honest one signs no
acknowledgement of term T after a vote in a later term, so it acknowledged first, and held the entry;
then it voted from a position before it, so it had cut the entry meanwhile. The first honest node
that cuts it therefore has no such election: there would be one before it. What is left to liars is
to be *all* of the voters that the two have in common; each then has denied an acknowledgement.
(For the certificate above it the entry there is cut along, and has to be excluded as well.)

Why an honest leader always has one. Let its log and the follower's part at an index where the
follower holds term t. If the leader's log holds a term later than t, take the first entry of the
first such term: its maker was elected from the position before it, which is before (t, i), since the
leader of t made one log only. Else the leader's own election serves, for the same reason. Memberships
do not stand in the way: between the place where two logs part and that election no log can be more
than one step of membership away, and neighbours share a half (docs/consensus.md, section 5). So the
follower can judge it, however long it was away; a later election it might not be able to judge.
"""

from __future__ import annotations

from consensus.messages import Ballot, ElectionCertificate, SignedVote
from consensus.quorum import Configuration
from consensus.storage import Authority


def genuine(election: ElectionCertificate, authority: Authority) -> ElectionCertificate:
    """The election with those votes only that their nodes signed.

    The others are passed over, they do not make it void: a node that was away does not know the keys
    of younger members.
    """
    votes = [
        vote
        for vote in election.votes
        if authority.verify_vote(vote.node, ballot_of(election, vote), vote.signature)
    ]
    return ElectionCertificate(election.term, election.candidate, tuple(votes))


def excludes(election: ElectionCertificate, position: tuple[int, int], governing: Configuration) -> bool:
    """Whether it excludes the entry at this (term, index), its votes being genuine; see the module."""
    if election.term <= position[0]:
        return False
    behind = [vote.node for vote in election.votes if (vote.last_term, vote.last_index) < position]
    return governing.has_majority_of_a_half(behind)


def ballot_of(election: ElectionCertificate, vote: SignedVote) -> Ballot:
    """What the voter signed."""
    position = (vote.last_term, vote.last_index, vote.last_hash)
    return Ballot(election.term, election.candidate, vote.accepted_term, *position)
