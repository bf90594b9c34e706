"""etcd's members: see how each is, and replace one that failed."""

from windlass.operations.etcd.context import ReplacementContext
from windlass.operations.etcd.join import is_prepared
from windlass.operations.etcd.observe import observe_members, observe_settled
from windlass.operations.etcd.replace import plan_member, replace_member

__all__ = ["ReplacementContext", "is_prepared", "observe_members", "observe_settled", "plan_member", "replace_member"]
