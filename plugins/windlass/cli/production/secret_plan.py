"""Every secret of the set-up for production, by its file: what is there stays, what follows is derived anew.

Each file is for those services of docker-compose.yaml that name it, and holds what they need and nothing else.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from windlass.cli.production.wishes import S3Service, Wishes
from windlass.domain.authenticity import READING_KEY_CONNECTION, RECORD_KEY_CONNECTION, RecordKeys
from windlass.domain.people import PEOPLE_KEY_CONNECTION
from windlass.domain.pki.certificates import CertificateSubject, Credential, Usage, issue, new_authority
from windlass.domain.sealing import MASTER_KEY_CONNECTION, MasterKeys, new_master_key
from windlass.domain.secret import Secret
from windlass.errors import SpecError

STORE = "windlass_store"
LOGS = "windlass_logs"
SSH = "windlass_ssh"
WORKER = "connections_worker.json"
TRIGGERER = "connections_triggerer.json"
APISERVER = "connections_apiserver.json"
CERTIFICATE_LIFE = timedelta(days=397)
"""The longest that browsers accept of a server's certificate."""

_MADE: Mapping[str, tuple[str, Callable[[], str]]] = {
    "fernet_key": ("AIRFLOW_FERNET_KEY", lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()),
    "jwt_secret": ("AIRFLOW_JWT_SECRET", lambda: secrets.token_hex(32)),
    "api_secret_key": ("AIRFLOW_API_SECRET_KEY", lambda: secrets.token_hex(32)),
    "postgres_password": ("POSTGRES_PASSWORD", lambda: secrets.token_hex(24)),
    "redis_password": ("REDIS_PASSWORD", lambda: secrets.token_hex(24)),
    "admin_password": ("", lambda: secrets.token_urlsafe(18)),
    "s3_secret_key": ("", lambda: secrets.token_hex(24)),
}
"""What is random: the variable of a `.env` that held it before there were files, and how it is made."""
_Connections = dict[str, Any]


def plan_secrets(there: Mapping[str, str], old: Mapping[str, str], wishes: Wishes, now: datetime) -> dict[str, str]:
    """Return the content of every file: `there` is what the files hold, `old` a `.env` that may hold secrets itself.

    SpecError where a file of connections cannot be read, or a master key in it is none.
    """
    made = {name: there.get(name) or old.get(variable) or make() for name, (variable, make) in _MADE.items()}
    derived = {
        "database_url": f"postgresql+psycopg2://airflow:{made['postgres_password']}@postgres/airflow",
        "broker_url": f"redis://:{made['redis_password']}@redis:6379/0",
    }
    return {**made, **derived, **_certificates(there, wishes, now), **_connections(there, wishes, made)}


def _connections(there: Mapping[str, str], wishes: Wishes, made: Mapping[str, str]) -> dict[str, str]:
    """Return the files of connections: what the worker's holds of the store and the logins, the others follow."""
    worker, triggerer, apiserver = (_read(there, name) for name in (WORKER, TRIGGERER, APISERVER))
    if wishes.storage is not None or STORE not in worker:
        storage = wishes.storage or S3Service()
        key = made["s3_secret_key"] if storage.is_gateway else wishes.storage_key or ""
        worker |= {STORE: _store(storage, key), LOGS: _logs(storage, key)}
    if wishes.ssh_key is not None:
        extra = {"private_key": wishes.ssh_key}
        worker[SSH] = {"conn_type": "ssh", "login": wishes.ssh_user, "extra": extra}
    master = worker.setdefault(MASTER_KEY_CONNECTION, _key(new_master_key().reveal(), MASTER_KEY_CONNECTION))
    keys = MasterKeys.parse(master.get("password"), MASTER_KEY_CONNECTION)
    records = RecordKeys.of(keys)
    shared = {name: worker[name] for name in (STORE, LOGS) if name in worker}
    triggerer |= shared | {name: worker[name] for name in (SSH,) if name in worker}
    triggerer[RECORD_KEY_CONNECTION] = _key(records.record_text().reveal())
    apiserver |= shared
    apiserver[READING_KEY_CONNECTION] = _key(records.reading_text().reveal())
    apiserver[PEOPLE_KEY_CONNECTION] = _key(",".join(key.key.reveal() for key in keys.for_people().keys))
    return {WORKER: _text(worker), TRIGGERER: _text(triggerer), APISERVER: _text(apiserver)}


def _read(there: Mapping[str, str], name: str) -> _Connections:
    try:
        found = json.loads(there.get(name) or "{}")
    except ValueError as error:
        raise SpecError(
            f"{name} is no JSON ({type(error).__name__}); mend it: the worker's holds the master key"
        ) from None
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise SpecError(f'{name} is to hold connections by their ids: {{"windlass_ssh": {{"conn_type": "ssh", …}}}}')
    return found


def _text(connections: _Connections) -> str:
    return json.dumps(connections, indent=1, ensure_ascii=False) + "\n"


def _store(storage: S3Service, key: str) -> _Connections:
    extra = {"bucket": storage.bucket, "endpoint_url": storage.endpoint_url}
    return {"conn_type": "windlass_store", "login": storage.access_key, "password": key, "extra": extra}


def _logs(storage: S3Service, key: str) -> _Connections:
    extra = {"endpoint_url": storage.endpoint_url}
    return {"conn_type": "aws", "login": storage.access_key, "password": key, "extra": extra}


def _key(password: str, conn_type: str = "generic") -> _Connections:
    return {"conn_type": conn_type, "password": password}


def _certificates(there: Mapping[str, str], wishes: Wishes, now: datetime) -> dict[str, str]:
    """Return the proxy's certificate with its key: one of your own stays; else an own authority signs one."""
    if there.get("tls.pem"):
        return {name: there[name] for name in ("tls.pem", "ca.pem", "ca.key") if name in there}
    if "ca.pem" in there and "ca.key" in there:
        authority = Credential(there["ca.pem"], Secret(there["ca.key"]))
    else:
        authority = new_authority("Windlass: the pages of Airflow", now)
    subject = CertificateSubject(wishes.host, Usage.SERVER, names=frozenset({wishes.host, "localhost", "127.0.0.1"}))
    leaf = issue(subject, authority, now, CERTIFICATE_LIFE)
    return {
        "tls.pem": leaf.certificate + leaf.key.reveal(),
        "ca.pem": authority.certificate,
        "ca.key": authority.key.reveal(),
    }
