"""etcd's members: see how each is, and replace one that failed."""

from windlass.operations.members.joining import is_prepared
from windlass.operations.members.observing import observe_members, peer_url
from windlass.operations.members.replacing import plan_member, replace_member
from windlass.operations.members.work import Replacing

__all__ = ["Replacing", "is_prepared", "observe_members", "peer_url", "plan_member", "replace_member"]
