"""Writes traces by hand: a transcript of what nodes did, legal or not.

A `Writer` keeps the state that its node's events claim and changes it as each event says, without
asking whether that is legal. So a forbidden step breaks the rule that forbids it, and no other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from consensus.conformance import Event, Judge, Report

Message = dict[str, Any]
VOTERS = ("n1", "n2", "n3")


def entry(index: int, term: int, kind: str = "block", hash: str | None = None) -> list[Any]:  # noqa: A002
    return [index, term, hash or f"{index}@{term}", kind]


class Script:
    """The events of all nodes, in the order in which they happened."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.writers: dict[str, Writer] = {}

    def __getitem__(self, name: str) -> Writer:
        return self.writers.setdefault(name, Writer(self, name))

    def start(self, *names: str, **fields: Any) -> list[Writer]:
        for name in names:
            self[name].boots(**fields)
        return [self[name] for name in names]

    def judge(self) -> Report:
        judge = Judge()
        for event in self.events:
            judge.feed(event)
        return judge.finish()

    def broken(self) -> set[str]:
        return set(self.judge().broken)


class Writer:
    """One node's part."""

    def __init__(self, script: Script, name: str) -> None:
        self.script = script
        self.name = name
        self.boot = self.seq = self.messages = 0
        self.term, self.vote, self.role, self.commit = 0, None, "follower", 0
        self.snap: list[Any] = [0, 0, "genesis"]
        self.log: list[list[Any]] = []
        self.last = [0, 0]

    def emits(self, kind: str, claims: dict[str, Any] | None = None, **own: Any) -> Event:
        """An event, with the state as it is or as `claims` has it."""
        self.seq += 1
        event: Event = {
            "v": 1,
            "ev": kind,
            "node": self.name,
            "boot": self.boot,
            "seq": self.seq,
            "t": len(self.script.events) + 1,
            "term": self.term,
            "vote": self.vote,
            "role": self.role,
            "commit": self.commit,
            "last": list(self.last),
            **(claims or {}),
            **own,
        }
        self.script.events.append(event)
        return event

    def boots(self, **fields: Any) -> None:
        self.boot, self.seq, self.role = self.boot + 1, 0, "follower"
        given = {"voters": list(VOTERS), "outgoing": [], "learners": [], "applied": self.commit, **fields}
        if "tail" in given:
            self.log = given.pop("tail")
        self.commit = given["applied"]
        self._ends()
        self.emits("boot", snap=self.snap, tail=[list(each) for each in self.log], **given)

    def follows(self, leader: str | None) -> None:
        self.role = "follower"
        self.emits("become_follower", leader=leader)

    def tries(self) -> None:
        self.role = "precandidate"
        self.emits("become_precandidate")

    def campaigns(self) -> None:
        self.role, self.term, self.vote = "candidate", self.term + 1, self.name
        self.emits("become_candidate")

    def leads(self) -> None:
        self.role = "leader"
        self.emits("become_leader")

    def votes(self, ask: Message, *, granted: bool = True, **fields: Any) -> None:
        pre = ask["type"] == "pre_vote"
        if granted and not pre:
            self.vote = ask["from"]
        own = {"to": ask["from"], "pre": pre, "granted": granted, "cand_last": ask["last"], **fields}
        self.emits("vote", **own)

    def sends(self, kind: str, to: str, **fields: Any) -> Message:
        self.messages += 1
        message = {
            "id": f"{self.name}.{self.boot}.{self.messages}",
            "type": kind,
            "from": self.name,
            "to": to,
            "term": self.term + (kind == "pre_vote"),
            **fields,
        }
        self.emits("send", msg=message)
        return message

    def receives(self, message: Message, **claims: Any) -> None:
        kind = message["type"]
        spoken_of = kind == "pre_vote" or (kind == "pre_vote_resp" and message["granted"])
        if message["term"] > self.term and not spoken_of:
            self.term, self.vote, self.role = message["term"], None, "follower"
        self.emits("recv", claims, msg=message)

    def appends(self, *entries: list[Any]) -> None:
        self.log += entries
        self._ends()
        self.emits("append", entries=[list(each) for each in entries])

    def truncates(self, start: int, **fields: Any) -> None:
        self.log = [each for each in self.log if each[0] < start]
        self._ends()
        self.emits("truncate", **{"from": start}, **fields)

    def persists(self) -> None:
        self.emits("persist", upto=self.last[1], hard=[self.term, self.vote])

    def acks(self, index: int, **fields: Any) -> None:
        held = self.held(index)
        self.emits("ack", **{"index": index, "hash": held[2], "block_term": held[1], **fields})

    def certifies(self, index: int, signers: Iterable[str], **fields: Any) -> None:
        held = self.held(index)
        own = {"index": index, "hash": held[2], "cert_term": held[1], "signers": list(signers), **fields}
        self.emits("cert", **own)

    def commits(self, to: int, by: str = "leader") -> None:
        self.commit = to
        self.emits("commit", to=to, by=by)

    def applies(self, *indices: int, **fields: Any) -> None:
        for index in indices:
            self.emits("apply", **{"index": index, "hash": self.held(index)[2], **fields})

    def counts(self, index: int, voters: Iterable[str], **fields: Any) -> None:
        own = {"outgoing": [], "learners": [], **fields}
        self.emits("config", index=index, voters=list(voters), **own)

    def snapshots(self, index: int, **fields: Any) -> None:
        held = self.held(index)
        self.emits("snapshot_create", **{"index": index, "block_term": held[1], "hash": held[2], **fields})

    def compacts(self, upto: int) -> None:
        held = self.held(upto)
        self.snap = [held[0], held[1], held[2]]
        self.log = [each for each in self.log if each[0] > upto]
        self.emits("compact", upto=upto)

    def installs(self, index: int, term: int, hash: str, **claims: Any) -> None:  # noqa: A002
        held = next((each for each in self.log if each[0] == index), None)
        kept = held is not None and held[1:3] == [term, hash]
        self.log = [each for each in self.log if each[0] > index] if kept else []
        self.snap = [index, term, hash]
        self.commit = max(self.commit, index)
        self._ends()
        members = {"voters": list(VOTERS), "outgoing": [], "learners": []}
        self.emits("snapshot_install", claims, index=index, block_term=term, hash=hash, **members)

    def held(self, index: int) -> list[Any]:
        return next((each for each in self.log if each[0] == index), [*self.snap, "block"])

    def _ends(self) -> None:
        self.last = [self.log[-1][1], self.log[-1][0]] if self.log else [self.snap[1], self.snap[0]]


def campaign(leader: Writer, *voters: Writer) -> None:
    """A whole election, without a fault."""
    leader.tries()
    for voter in voters:
        ask = leader.sends("pre_vote", voter.name, last=leader.last)
        voter.receives(ask)
        voter.votes(ask)
        grant = {"term": ask["term"], "granted": True, "re": ask["id"]}
        leader.receives(voter.sends("pre_vote_resp", leader.name, **grant))
    leader.campaigns()
    leader.persists()
    for voter in voters:
        ask = leader.sends("vote", voter.name, last=leader.last)
        voter.receives(ask)
        voter.votes(ask)
        voter.persists()
        leader.receives(voter.sends("vote_resp", leader.name, granted=True, re=ask["id"]))
    leader.leads()


def offer(leader: Writer, follower: Writer, *entries: list[Any]) -> Message:
    """An append that carries these entries, taken by the follower."""
    first = entries[0][0] if entries else leader.last[1] + 1
    before = leader.held(first - 1)
    sent = leader.sends(
        "append",
        follower.name,
        prev=[before[1], before[0]],
        entries=[list(each) for each in entries],
        commit=leader.commit,
    )
    follower.receives(sent)
    follower.follows(leader.name)
    return sent


def answer(follower: Writer, ask: Message, **fields: Any) -> Message:
    """The append is acknowledged: all that it proved."""
    match = ask["entries"][-1][0] if ask["entries"] else ask["prev"][1]
    own = {"ok": True, "match": match, "re": ask["id"], **fields}
    return follower.sends("append_resp", ask["from"], **own)


def store(leader: Writer, follower: Writer, *entries: list[Any], signs: bool = True) -> None:
    """One follower stores entries of the leader, signs the last one, and says so."""
    ask = offer(leader, follower, *entries)
    follower.appends(*[list(each) for each in entries])
    follower.persists()
    if signs:
        follower.acks(entries[-1][0])
    leader.receives(answer(follower, ask))


def settle(leader: Writer, *followers: Writer) -> None:
    """The leader's last entry is certified and committed, and everybody is told."""
    index = leader.last[1]
    leader.acks(index)
    leader.certifies(index, sorted({leader.name, *[each.name for each in followers]}))
    was = leader.commit
    leader.commits(index, "quorum")
    leader.applies(*range(was + 1, index + 1))
    for follower in followers:
        was = follower.commit
        follower.receives(leader.sends("heartbeat", follower.name, commit=index))
        follower.commits(index)
        follower.applies(*range(was + 1, index + 1))


def replicate(leader: Writer, followers: Iterable[Writer], *entries: list[Any]) -> None:
    """Entries from the leader's log to everybody's, committed."""
    followers = list(followers)
    leader.appends(*entries)
    leader.persists()
    for follower in followers:
        store(leader, follower, *entries)
    settle(leader, *followers)


def confirm(leader: Writer, follower: Writer) -> None:
    """The follower answers a heartbeat."""
    beat = leader.sends("heartbeat", follower.name, commit=leader.commit)
    follower.receives(beat)
    leader.receives(follower.sends("heartbeat_resp", leader.name, re=beat["id"]))


def begun() -> tuple[Script, Writer, Writer, Writer]:
    """Three nodes; n1 leads term 1, and one entry is committed everywhere."""
    script = Script()
    n1, n2, n3 = script.start(*VOTERS)
    campaign(n1, n2, n3)
    replicate(n1, [n2, n3], entry(1, 1))
    return script, n1, n2, n3
