"""A cluster that fails at random and an operator who asks for anything: what the guard allows never does harm."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from windlass.domain.quorum import Action, Addition, Member, Membership, Promotion, Removal, Stop, check, what_if
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

    wanted: frozenset[str]
    members: dict[int, Truth] = field(default_factory=dict)
    next_id: int = 1

    def join(self, truth: Truth) -> None:
        self.members[self.next_id] = truth
        self.next_id += 1

    def seen(self) -> Membership:
        return Membership(tuple(self.look(one, truth) for one, truth in self.members.items()), self.wanted)

    def look(self, number: int, truth: Truth) -> Member:
        health = "unknown" if not truth.visible else "healthy" if truth.runs and truth.started else "unhealthy"
        return Member(truth.name, number, truth.role, truth.started, health)  # type: ignore[arg-type]  # plain words

    def has_quorum(self) -> bool:
        voters = [truth for truth in self.members.values() if truth.role == "voter"]
        return sum(truth.runs and truth.started for truth in voters) > len(voters) / 2


class Operations(RuleBasedStateMachine):
    """Failures, repairs and requests in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(frozenset())
        self.replacing: set[str] = set()

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

    @rule(wanted=st.sets(st.sampled_from(NAMES), min_size=1))
    @precondition(lambda self: not self.replacing)
    def the_spec_changes(self, wanted: set[str]) -> None:
        self.world.wanted = frozenset(wanted)

    @rule(which=st.integers(0, 9))
    def a_removal_is_asked_for(self, which: int) -> None:
        number, truth = self.pick(which)
        if not self.is_allowed(Removal(self.world.look(number, truth))):
            return
        assert truth.visible or not truth.started, "a member that could not be seen was taken for dead"
        del self.world.members[number]
        names = {other.name for other in self.world.members.values() if other.role == "voter"}
        if truth.role == "voter" and truth.name in self.world.wanted - names:
            self.replacing.add(truth.name)

    @rule(name=st.sampled_from(NAMES))
    def an_addition_is_asked_for(self, name: str) -> None:
        if self.is_allowed(Addition(name)):
            self.world.join(Truth(name, role="learner", started=False, runs=False))

    @rule(which=st.integers(0, 9))
    def a_promotion_is_asked_for(self, which: int) -> None:
        number, truth = self.pick(which)
        if self.is_allowed(Promotion(self.world.look(number, truth))):
            truth.role = "voter"
            self.replacing.discard(truth.name)

    @rule(which=st.integers(0, 9))
    def a_stop_is_asked_for(self, which: int) -> None:
        number, truth = self.pick(which)
        if self.is_allowed(Stop(self.world.look(number, truth))):
            truth.runs = False

    @invariant()
    def never_two_members_are_replaced_at_once(self) -> None:
        assert len(self.replacing) <= 1

    @invariant()
    def never_two_members_wait_for_their_vote(self) -> None:
        assert sum(truth.role == "learner" for truth in self.world.members.values()) <= 1

    @invariant()
    def there_is_always_a_voter(self) -> None:
        voters = [truth for truth in self.world.members.values() if truth.role == "voter"]
        assert voters or not self.world.wanted

    def pick(self, which: int) -> tuple[int, Truth]:
        found = sorted(self.world.members.items())
        return found[which % len(found)]

    def is_allowed(self, action: Action) -> bool:
        """Ask the guard; what it allows must keep the quorum that is really there."""
        seen = self.world.seen()
        had_quorum = self.world.has_quorum()
        try:
            check(action, seen)
        except RefusedError:
            return False
        expected = what_if(seen, action)
        assert expected.keeps_quorum or not seen.has_quorum, "what was shown is not what was decided"
        if had_quorum:
            self.assert_quorum_stays(action)
        return True

    def assert_quorum_stays(self, action: Action) -> None:
        then = {number: Truth(**vars(truth)) for number, truth in self.world.members.items()}
        match action:
            case Removal(member):
                del then[member.id]
            case Stop(member):
                then[member.id].runs = False
            case Promotion(member):
                then[member.id].role = "voter"
            case Addition():
                pass
        assert World(self.world.wanted, then).has_quorum(), "an allowed action lost quorum that was there"


Operations.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestOperations = Operations.TestCase
