"""Two people in one Airflow: nobody approves what they asked for, and a cluster's spec says who may do what there."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import jwt
import pytest

from e2e.ground import APPROVED, CLUSTER, Ground, Run, wait_for
from e2e.standing import ensure_cluster
from windlass.cli.embedded.client import AirflowClient
from windlass.cli.embedded.instance import status
from windlass.cli.embedded.secret_files import load_or_generate
from windlass.domain.secret import Secret
from windlass.errors import WindlassError

pytestmark = pytest.mark.full

LONG = timedelta(minutes=3)
UNTESTED = {"allow_untested": True}
ASKING = {"upgrade": {"approval": "two-people"}}


@contextmanager
def as_user(ground: Ground, name: str, role: str = "admin") -> Iterator[AirflowClient]:
    """Log in as somebody else than the embedded Airflow's one user: by a token as its auth manager makes them."""
    mine = ground.client.log_in().reveal()
    claims: dict[str, Any] = jwt.decode(mine, options={"verify_signature": False}) | {"sub": name, "role": role}
    header = {key: value for key, value in jwt.get_unverified_header(mine).items() if key != "alg"}
    algorithm = jwt.get_unverified_header(mine)["alg"]
    token = jwt.encode(claims, load_or_generate(ground.home).jwt_secret, algorithm=algorithm, headers=header)
    running = status(ground.home)
    assert running is not None
    with AirflowClient(running.url, token=Secret(token)) as client:
        yield client


def settings(number: int, **sections: Any) -> dict[str, Any]:
    """Return sections of a spec with a small change in the cluster, another for each number."""
    metadata = {"name": "two-people", "namespace": "default"}
    content = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"n": str(number)}})
    return {"manifests": [{"name": "two-people", "content": content}], **sections}


def answered(ground: Ground, by: AirflowClient, spec: str, asks: AirflowClient | None = None) -> Run:
    """Have `admin`, unless told, ask for a change, and somebody answer it."""
    started = f"by-two-{uuid.uuid4().hex[:8]}"
    conf = {"cluster": CLUSTER, "spec": spec, **UNTESTED}
    run_id = (asks or ground.client).trigger("apply_cluster", run_id=started, conf=conf).run_id

    def is_over_once_answered() -> bool:
        waiting = [one for one in ground.client.tasks("apply_cluster", run_id) if one.state == "awaiting_input"]
        for task in waiting:
            by.answer_approval("apply_cluster", run_id, task)
        return ground.client.run("apply_cluster", run_id).has_ended

    wait_for(is_over_once_answered, "the answered run ends", LONG)
    return ground.finish("apply_cluster", run_id)


@pytest.fixture(scope="module")
def asking(ground: Ground) -> Iterator[Ground]:
    """The cluster, which lets nobody change it alone."""
    ensure_cluster(ground)
    ground.apply(ground.spec(**settings(1, **ASKING)), **APPROVED).succeeded()
    yield ground
    with as_user(ground, "bea") as bea, as_user(ground, "eve") as eve:
        answered(ground, bea, ground.spec(), asks=eve).succeeded()


def test_nobody_approves_what_they_asked_for(asking: Ground) -> None:
    refusal = answered(asking, asking.client, asking.spec(**settings(2, **ASKING))).refused("approval")
    assert "admin" in refusal
    assert '"n": "1"' in (asking.records.spec() or "")


def test_no_run_approves_itself(asking: Ground) -> None:
    refusal = asking.apply(asking.spec(**settings(2, **ASKING)), **APPROVED).refused("approval")
    assert "start it without `auto_approve`" in refusal


def test_somebody_else_approves_and_is_in_the_service_log(asking: Ground) -> None:
    with as_user(asking, "bea") as bea:
        assert answered(asking, bea, asking.spec(**settings(3, **ASKING))).succeeded().outcome == "done"
    assert any("bea" in line for line in asking.service_log())


def test_the_spec_says_who_may_run_and_see_whatever_airflow_allows(asking: Ground) -> None:
    some = {"user:admin": ["operate", "delete"], "user:bea": ["approve"], "user:carl": ["see"]}
    roles = {**some, "user:eve": ["operate", "approve", "delete"]}
    with as_user(asking, "bea") as bea:
        answered(asking, bea, asking.spec(**settings(4, **ASKING, access={"roles": roles}))).succeeded()

    seen = {}
    for name in ("admin", "bea", "carl", "dora"):
        with as_user(asking, name) as client:
            seen[name] = client._send("GET", f"/windlass/api/clusters/{CLUSTER}").status_code
            if name != "admin":
                with pytest.raises(WindlassError, match=f"403.*{name} may not operate this cluster"):
                    client.trigger("apply_cluster", run_id=f"by-{name}", conf={"cluster": CLUSTER})
    assert seen == {"admin": 200, "bea": 200, "carl": 200, "dora": 404}
    with pytest.raises(WindlassError, match=r"403.*admin may not approve.*nobody gives a right that they have not"):
        asking.start("apply_cluster", spec=asking.spec())
