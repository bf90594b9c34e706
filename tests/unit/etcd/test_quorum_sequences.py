"""A cluster that fails at random and an operator who asks for anything: what the guard allows never does harm."""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from windlass.domain.etcd.quorum import Action, Addition, Member, Membership, Promotion, Removal, Stop, check, what_if
from windlass.errors import RefusedError

NAMES = [f"cp-{number}" for number in range(1, 6)]


@dataclass
class Truth:
    """One member as it really is, and whether it can be seen."""

    name: str
    role: str = "voter"
    started: bool = True
    runs: bool = True
    visible: bool = True


@dataclass
class World:
    """The real cluster; members by id."""

    desired: frozenset[str]
    members: dict[int, Truth] = field(default_factory=dict)
    next_id: int = 1

    def join(self, truth: Truth) -> None:
        self.members[self.next_id] = truth
        self.next_id += 1

    def seen(self) -> Membership:
        return Membership(tuple(self.look(one, truth) for one, truth in self.members.items()), self.desired)

    def look(self, number: int, truth: Truth) -> Member:
        health = "unknown" if not truth.visible else "healthy" if truth.runs and truth.started else "unhealthy"
        return Member(truth.name, number, truth.role, truth.started, health)  # type: ignore[arg-type]  # plain words

    def missing(self) -> set[str]:
        return set(self.desired) - {truth.name for truth in self.members.values() if truth.role == "voter"}

    def has_quorum(self) -> bool:
        voters = [truth for truth in self.members.values() if truth.role == "voter"]
        return sum(truth.runs and truth.started for truth in voters) > len(voters) / 2


def every_action(seen: Membership) -> list[Action]:
    of_members = [kind(member) for member in seen.members for kind in (Removal, Promotion, Stop)]
    return [*of_members, *(Addition(name) for name in NAMES)]


def is_allowed(action: Action, seen: Membership) -> bool:
    try:
        check(action, seen)
    except RefusedError:
        return False
    return True


def apply(world: World, action: Action) -> None:
    match action:
        case Removal(member):
            del world.members[member.id]
        case Stop(member):
            world.members[member.id].runs = False
        case Promotion(member):
            world.members[member.id].role = "voter"
        case Addition(name):
            world.join(Truth(name, role="learner", started=False, runs=False))


class Operations(RuleBasedStateMachine):
    """Failures, repairs and requests in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(frozenset())
        self.missing_before: set[str] = set()
        self.replacing: set[str] = set()
        """Hosts that the spec wants and that lost their membership by a removal."""

    @initialize(size=st.sampled_from([1, 2, 3, 4, 5]), unstarted=st.integers(0, 2))
    def begin(self, size: int, unstarted: int) -> None:
        self.world = World(frozenset(NAMES[:size]))
        for name in NAMES[:size]:
            self.world.join(Truth(name))
        for _ in range(unstarted):  # what a broken hand left behind
            self.world.join(Truth("https://192.0.2.99:2380", started=False, runs=False))

    @rule(which=st.integers(0, 9))
    def fails(self, which: int) -> None:
        self.pick(which)[1].runs = False

    @rule(which=st.integers(0, 9))
    def comes_back(self, which: int) -> None:
        truth = self.pick(which)[1]
        truth.runs = truth.started = truth.name in NAMES

    @rule(which=st.integers(0, 9), visible=st.booleans())
    def is_seen_or_not(self, which: int, visible: bool) -> None:  # noqa: FBT001  a rule's draw
        self.pick(which)[1].visible = visible

    @rule(desired=st.sets(st.sampled_from(NAMES), min_size=1))
    @precondition(lambda self: not self.replacing)
    def the_spec_changes(self, desired: set[str]) -> None:
        self.world.desired = frozenset(desired)
        self.missing_before = self.world.missing()

    @rule(which=st.integers(0, 99))
    def something_allowed_is_done(self, which: int) -> None:
        if allowed := self.allowed():
            apply(self.world, allowed[which % len(allowed)])
            missing = self.world.missing()
            self.replacing = (self.replacing & missing) | (missing - self.missing_before)
            self.missing_before = missing

    @invariant()
    def nothing_that_is_allowed_does_harm(self) -> None:
        for action in self.allowed():
            then = copy.deepcopy(self.world)
            apply(then, action)
            assert then.has_quorum() or not self.world.has_quorum(), f"{action} loses quorum that was there"
            if isinstance(action, Removal) and action.member.started:
                assert self.world.members[action.member.id].visible, "one that could not be seen was taken for dead"

    @invariant()
    def never_two_members_are_replaced_at_once(self) -> None:
        assert len(self.replacing) <= 1

    @invariant()
    def never_two_members_wait_for_their_vote(self) -> None:
        assert sum(truth.role == "learner" for truth in self.world.members.values()) <= 1

    @invariant()
    def there_is_always_a_voter(self) -> None:
        voters = [truth for truth in self.world.members.values() if truth.role == "voter"]
        assert voters or not self.world.desired

    def pick(self, which: int) -> tuple[int, Truth]:
        found = sorted(self.world.members.items())
        return found[which % len(found)]

    def allowed(self) -> list[Action]:
        """Ask the guard about everything that one could do now."""
        seen = self.world.seen()
        return [action for action in every_action(seen) if is_allowed(action, seen)]


Operations.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestOperations = Operations.TestCase


def test_in_every_small_cluster_what_is_allowed_keeps_quorum_or_takes_nothing_away() -> None:
    kinds = [
        Truth("", runs=True),
        Truth("", runs=False),
        Truth("", visible=False),
        Truth("", started=False, runs=False),
        Truth("", role="learner"),
        Truth("", role="learner", runs=False),
        Truth("", role="learner", started=False, runs=False),
    ]
    for size in (1, 2, 3, 4):
        for chosen in itertools.product(kinds, repeat=size):
            world = World(frozenset(NAMES[:size]))
            for name, truth in zip(NAMES, chosen, strict=False):
                world.join(Truth(**{**vars(truth), "name": name}))
            seen = world.seen()
            for action in every_action(seen):
                if is_allowed(action, seen):
                    assert what_if(seen, action).keeps_quorum or not seen.has_quorum, (seen, action)
                    assert seen.has_quorum or isinstance(action, Stop), "a change is committed by a quorum"
