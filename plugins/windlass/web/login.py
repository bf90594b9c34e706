"""Whom Airflow has let in, as whoever signs for them has to know it: name, roles, teams."""

from __future__ import annotations

from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.configuration import conf
from fastapi import Depends, HTTPException

from windlass.domain.people import Login
from windlass.web.access import User

_NOBODY = "this Airflow asks nobody who they are (anonymous users), so that it can vouch for nobody"


def current_login(user: User) -> Login:
    """Return who is there; 403 if Airflow does not know that, or no longer knows them.

    FabAuthManager reads the user from its database at each request, and knows none that was removed or deactivated.
    SimpleAuthManager believes its token for a day: so its list of users is asked here.
    """
    if getattr(user, "is_anonymous", False):
        raise HTTPException(403, _NOBODY)
    if isinstance(get_auth_manager(), SimpleAuthManager):
        return _simple_login(user)
    roles = getattr(user, "roles", None)
    if roles is None:
        # Of other managers only the id is sure to be of one person alone: a name may be what they like to be called.
        return Login(str(user.get_id()))
    return Login(str(user.get_name()), frozenset(str(role.name) for role in roles))


def _simple_login(user: SimpleAuthManagerUser) -> Login:
    if conf.getboolean("core", "simple_auth_manager_all_admins"):
        raise HTTPException(403, _NOBODY)
    known: dict[str, Any] = {one.username: one for one in SimpleAuthManager.get_users()}
    if user.username not in known:
        raise HTTPException(403, f"Airflow knows no `{user.username}` (any more)")
    now = known[user.username]
    return Login(now.username, frozenset({now.role} if now.role else ()), frozenset(now.teams))


CurrentLogin = Annotated[Login, Depends(current_login)]
