"""What each kind of event changes about its node: one function a kind, nothing else changes.

kind                what changes
boot                everything
become_*            role; become_candidate also raises the term by one and votes for itself
vote                the vote, if granted and not a pre-vote
ack                 that a disk which was set back is not the last word any more
recv                a higher term is adopted, but for a pre-vote, its grant, and a vote that a
                    node with a live leader may ignore
append, truncate    the log's end
persist             what is durable
commit              commit
apply               applied
config              who counts
snapshot_create     the newest snapshot
snapshot_install    log, commit, applied, durable, who counts
compact             the log's start
"""

from __future__ import annotations

from collections.abc import Callable

from consensus.conformance.events import Event
from consensus.conformance.model import Configuration, Log, Node, Received, Sent, entry_of


def apply(node: Node, event: Event, sent: dict[str, Sent]) -> None:
    """Change the node as this event says."""
    effect = _EFFECTS.get(event["ev"])
    if effect is not None:
        effect(node, event)
    if event["ev"] == "recv":
        _count_answer(node, event["msg"], sent)


def adopts(node: Node, event: Event) -> bool:
    """Whether a message that came in must have raised the node's term, or did where it may."""
    message = event["msg"]
    if message["term"] <= node.term or message["type"] == "pre_vote":
        return False
    if message["type"] == "pre_vote_resp":
        return not message["granted"]
    if message["type"] == "vote":
        return bool(event["term"] != node.term)
    return True


def _boot(node: Node, event: Event) -> None:
    index, term, entry_hash = event["snap"]
    if event.get("wiped"):
        node.aside = node.kept[-1]
    else:
        node.aside = None
    node.started = True
    node.has_gap = node.has_gap or bool(event.get("gap"))
    node.observed_from = node.observed_from or event["boot"]
    node.term, node.vote = event["term"], event["vote"]
    node.durable_hard = (node.term, node.vote)
    node.hard_since.clear()
    node.role = "follower"
    node.commit = event["commit"]
    node.log = Log(index, term, entry_hash, [entry_of(entry) for entry in event["tail"]])
    node.last = node.log.last
    node.durable = node.log.last_index
    node.applied = event["applied"]
    node.snapshot = index
    node.configurations = [Configuration.of(event, index)]
    node.request = None
    node.received.clear()
    node.heard_commit = node.confirmed = 0
    for gathered in (node.grants, node.match, node.answered):
        gathered.clear()


def _become_follower(node: Node, _event: Event) -> None:
    node.role = "follower"


def _become_precandidate(node: Node, _event: Event) -> None:
    node.role = "precandidate"


def _become_candidate(node: Node, _event: Event) -> None:
    node.aside = None
    node.role = "candidate"
    node.set_hard(node.term + 1, node.name)
    node.grants.add(node.name)


def _become_leader(node: Node, _event: Event) -> None:
    node.role = "leader"
    node.match.clear()
    node.answered.clear()


def _vote(node: Node, event: Event) -> None:
    if event["granted"] and not event["pre"]:
        node.aside = None
        node.set_hard(node.term, event["to"])


def _ack(node: Node, _event: Event) -> None:
    node.aside = None


def _recv(node: Node, event: Event) -> None:
    message = event["msg"]
    node.confirm()
    if adopts(node, event):
        node.set_hard(message["term"], None)
        node.role = "follower"
    node.request = message
    kind = message["type"]
    if kind in ("append", "heartbeat", "snapshot", "read_index", "vote", "pre_vote"):
        proved, proved_term = 0, 0
        if kind == "append":
            entries = message["entries"]
            proved_term, proved = message["prev"]
            if entries:
                proved, proved_term = entries[-1][0], entries[-1][1]
        elif kind == "snapshot":
            proved, proved_term = message["index"], message["block_term"]
        node.received[message["id"]] = Received(kind, proved, proved_term, message.get("rid", ""))
    if message["term"] == node.term and kind in ("append", "heartbeat"):
        node.heard_commit = max(node.heard_commit, message["commit"])


def _count_answer(node: Node, message: Event, sent: dict[str, Sent]) -> None:
    """A candidate's grants; what a leader knows of each follower."""
    request = sent.get(message.get("re", ""))
    if request is None or (request.sender, request.boot) != (node.name, node.boot):
        return
    if message["term"] != node.term or request.to != message["from"]:
        return
    kind, sender = message["type"], message["from"]
    if kind == "vote_resp":
        if message["granted"] and request.type == "vote" and request.term == node.term:
            node.grants.add(sender)
    elif node.role == "leader" and kind in ("append_resp", "heartbeat_resp", "snapshot_resp"):
        node.answered[sender] = max(node.answered.get(sender, 0), request.seq)
        if kind != "heartbeat_resp" and message["ok"]:
            node.match[sender] = max(node.match.get(sender, 0), message["match"])


def _append(node: Node, event: Event) -> None:
    node.log.entries.extend([entry_of(entry) for entry in event["entries"]])
    node.last = node.log.last


def _truncate(node: Node, event: Event) -> None:
    start = event["from"]
    node.log.truncate(start)
    node.last = node.log.last
    node.durable = min(node.durable, node.log.last_index)
    node.confirmed = min(node.confirmed, max(start - 1, 0))
    while len(node.configurations) > 1 and node.configurations[-1].index >= start:
        node.configurations.pop()


def _persist(node: Node, event: Event) -> None:
    node.durable = min(event["upto"], node.log.last_index)
    hard = (event["hard"][0], event["hard"][1])
    if hard in node.hard_since:
        del node.hard_since[: node.hard_since.index(hard) + 1]
    node.durable_hard = hard
    if hard[0] >= node.promised[0]:
        node.promised = hard


def _commit(node: Node, event: Event) -> None:
    node.commit = event["to"]


def _apply(node: Node, event: Event) -> None:
    node.applied = event["index"]


def _config(node: Node, event: Event) -> None:
    configuration = Configuration.of(event, event["index"])
    while len(node.configurations) > 1 and node.configurations[-1].index >= configuration.index:
        node.configurations.pop()
    if node.configurations[-1].index == configuration.index:
        node.configurations.pop()
    node.configurations.append(configuration)


def _snapshot_create(node: Node, event: Event) -> None:
    node.snapshot = max(node.snapshot, event["index"])


def _compact(node: Node, event: Event) -> None:
    upto = event["upto"]
    node.log.compact(upto)
    while len(node.configurations) > 1 and node.configurations[1].index <= upto:
        del node.configurations[0]


def _snapshot_install(node: Node, event: Event) -> None:
    index = event["index"]
    kept = node.log.install(index, event["block_term"], event["hash"])
    node.last = node.log.last
    node.commit = max(node.commit, index)
    node.applied = max(node.applied, index)
    node.durable = max(node.durable, index) if kept else index
    node.snapshot = max(node.snapshot, index)
    node.heard_commit = max(node.heard_commit, index)
    node.confirmed = max(node.confirmed, index)
    newer = [each for each in node.configurations if each.index > index] if kept else []
    node.configurations = [Configuration.of(event, index), *newer]


_EFFECTS: dict[str, Callable[[Node, Event], None]] = {
    "boot": _boot,
    "become_follower": _become_follower,
    "become_precandidate": _become_precandidate,
    "become_candidate": _become_candidate,
    "become_leader": _become_leader,
    "vote": _vote,
    "ack": _ack,
    "recv": _recv,
    "append": _append,
    "truncate": _truncate,
    "persist": _persist,
    "commit": _commit,
    "apply": _apply,
    "config": _config,
    "snapshot_create": _snapshot_create,
    "compact": _compact,
    "snapshot_install": _snapshot_install,
}
