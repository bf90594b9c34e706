"""Let people into clusters by who they are in Airflow: where the API is, and certificates of an hour at most."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from fastapi import HTTPException
from pydantic import BaseModel, Field

from windlass.domain.people import (
    Login,
    PeopleAccess,
    PersonCertificate,
    TooManyCredentialsError,
    read_request,
    sign_person,
)
from windlass.domain.people.sign import MOST_BYTES
from windlass.domain.sealing import MasterKeys
from windlass.domain.servicelog import Event
from windlass.effects.store import ClusterRecords, ServiceLog, Store
from windlass.effects.store.people import PeopleRecords
from windlass.errors import RefusedError, SpecError
from windlass.web.access import Visible, unknown
from windlass.web.login import CurrentLogin
from windlass.web.needs import PeopleKeys, TheClock, TheStore

OPERATION = "credential"
"""As what the service log shows it."""
_WRITER = "api-server"


class CredentialRequest(BaseModel):
    """What a laptop sends: a signing request for a key that stays there."""

    csr: str = Field(max_length=MOST_BYTES)


def cluster_access(name: Visible, _: CurrentLogin, store: TheStore, keys: PeopleKeys) -> dict[str, Any]:
    """Return what a kubeconfig without a key is made of: where the API servers are, and by whom they are known."""
    access = _access(store, name, keys)
    contexts = [{"name": one.name, "server": one.server} for one in access.contexts]
    return {"cluster": name, "contexts": contexts, "authority": access.server_authority}


def issue_credential(
    name: Visible, request: CredentialRequest, login: CurrentLogin, store: TheStore, keys: PeopleKeys, clock: TheClock
) -> dict[str, Any]:
    """Return a certificate for whoever is logged in; it is in the service log before anybody has it."""
    access, now = _access(store, name, keys), clock.now()
    with _refusing():
        public = read_request(request.csr)
        issued = sign_person(access, login, public, now)
        PeopleRecords(store, name).count(issued.user, now)
    ServiceLog(store, name).append(_event(issued, login, now), _WRITER)
    return {
        "certificate": issued.certificate,
        "user": issued.user,
        "groups": list(issued.groups),
        "issued": now.isoformat(),
        "expires": issued.expires.isoformat(),
    }


def _access(store: Store, name: str, keys: MasterKeys) -> PeopleAccess:
    access = PeopleRecords(store, name).access(keys)
    if access is None and ClusterRecords(store, name).spec_bytes() is None:
        raise unknown(name)  # in the words in which a cluster that is not for whoever asks is hidden
    if access is None:
        raise HTTPException(404, f"nobody gets into `{name}` through Airflow: there is no spec.access.groups in it")
    return access


@contextmanager
def _refusing() -> Iterator[None]:
    """Say why somebody gets nothing, as HTTP has it."""
    try:
        yield
    except TooManyCredentialsError as error:
        wait = {"Retry-After": str(math.ceil(error.wait.total_seconds()))}
        raise HTTPException(429, str(error), wait) from error
    except (RefusedError, SpecError) as error:
        raise HTTPException(403, str(error)) from error


def _event(issued: PersonCertificate, login: Login, now: datetime) -> Event:
    """Return what the service log keeps: whose certificate it is and which; the certificate itself is not in it."""
    groups, until = ", ".join(issued.groups), f"{issued.expires:%Y-%m-%d %H:%M:%S}Z"
    return Event(
        time=now,
        operation=OPERATION,
        text=f"{issued.user} ({groups}) has a certificate until {until}, by their login to Airflow",
        details={
            "user": issued.user,
            "groups": issued.groups,
            "roles": sorted(login.roles),
            "serial": issued.serial,
            "expires": issued.expires.isoformat(),
        },
    )
