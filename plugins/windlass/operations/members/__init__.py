"""etcd's members: see how each is, and replace one that failed."""

from windlass.operations.members.observing import observe_members
from windlass.operations.members.replacing import plan_member, replace_member
from windlass.operations.members.work import Replacing

__all__ = ["Replacing", "observe_members", "plan_member", "replace_member"]
