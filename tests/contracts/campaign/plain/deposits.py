"""Deposits at banks: what each client may spend, and what is set aside for a purpose."""

from __future__ import annotations

from collections.abc import Iterable

Place = tuple[str, str, str]
"""(bank, client, currency)."""
OPEN, BLOCKED, CLOSED = "Open", "Blocked", "Closed"


class Deposits:
    """Every account of every bank. A payment that cannot be made fails: the ledger must have refused it."""

    def __init__(self) -> None:
        self.status: dict[Place, str] = {}
        self.free: dict[Place, int] = {}
        self.aside: dict[tuple[str, ...], tuple[Place, int]] = {}
        """What for → (account, minor units)."""

    def open(self, place: Place) -> None:
        """A new account."""
        self.status[place], self.free[place] = OPEN, 0

    def held(self) -> dict[Place, int]:
        """What is set aside of each account."""
        sums = dict.fromkeys(self.free, 0)
        for place, amount in self.aside.values():
            sums[place] += amount
        return sums

    def can_leave(self, place: Place) -> bool:
        """Whether the bank lets money out of it."""
        return self.status.get(place) == OPEN

    def can_arrive(self, place: Place) -> bool:
        """Whether the bank takes money for it."""
        return self.status.get(place, CLOSED) != CLOSED

    def take(self, place: Place, amount: int) -> None:
        """Money leaves."""
        assert self.can_leave(place), f"{place} is {self.status.get(place)}: nothing leaves it"
        assert amount <= self.free[place], f"{place} has {self.free[place]}, not {amount}"
        self.free[place] -= amount

    def give(self, place: Place, amount: int) -> None:
        """Money arrives; where it is nothing, nobody need have an account."""
        if amount:
            assert self.can_arrive(place), f"{place} is {self.status.get(place)}: nothing arrives"
            self.free[place] += amount

    def pay(self, bank: str, payer: str, currency: str, payees: Iterable[tuple[str, int]]) -> None:
        """One client pays others of the same bank."""
        shares = list(payees)
        self.take((bank, payer, currency), sum(amount for _, amount in shares))
        for payee, amount in shares:
            self.give((bank, payee, currency), amount)

    def set_aside(self, purpose: tuple[str, ...], place: Place, amount: int) -> None:
        """A client binds money; more for one purpose adds up, at one bank."""
        bound, before = self.aside.get(purpose, (place, 0))
        assert bound == place, f"money for {purpose} is at {bound}"
        self.take(place, amount)
        self.aside[purpose] = (place, before + amount)

    def spend(self, purpose: tuple[str, ...], amount: int | None = None) -> tuple[Place, int]:
        """Take an amount of what is set aside, or all of it."""
        place, bound = self.aside.pop(purpose)
        taken = bound if amount is None else amount
        assert 0 < taken <= bound, f"{bound} is set aside for {purpose}, not {taken}"
        if taken < bound:
            self.aside[purpose] = (place, bound - taken)
        return place, taken

    def give_back(self, purpose: tuple[str, ...], amount: int | None = None) -> None:
        """What was set aside can be spent again."""
        place, taken = self.spend(purpose, amount)
        self.free[place] += taken

    def pay_aside(self, purpose: tuple[str, ...], payee: str, amount: int | None = None) -> None:
        """Pay somebody at the same bank out of what is set aside."""
        place, taken = self.spend(purpose, amount)
        assert self.can_leave(place), f"{place} is {self.status[place]}: nothing leaves it"
        self.give((place[0], payee, place[2]), taken)
