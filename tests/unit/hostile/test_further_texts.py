"""What laptops, hosts, API servers and whoever writes to the bucket send besides: read or refused, within bounds."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given

from unit.hostile.mutations import BUDGET, SMALL_BUDGET, mutated, mutated_json, mutated_text, returned
from unit.pki.conftest import make_cluster
from windlass.domain.authenticity import RecordKeys
from windlass.domain.authenticity.envelope import Authenticated, open_envelope, read_unverified
from windlass.domain.authenticity.host_marks import sealed_in
from windlass.domain.authenticity.place import Place, place_of
from windlass.domain.bounded import read_from
from windlass.domain.catalog.flags import parse_help
from windlass.domain.people import read_request
from windlass.domain.people.access import PeopleAccess
from windlass.domain.rollout.removed_apis import requested
from windlass.domain.scripts.audit_host import parse_audit
from windlass.domain.scripts.fence import overtaken_by
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.yamltext import read_yaml
from windlass.effects.catalog import load_catalog
from windlass.effects.store import MemoryStore
from windlass.effects.store.people import PeopleRecords
from windlass.errors import IntegrityError

KEYS = RecordKeys.of(MasterKeys.parse(new_master_key().reveal()))
HOST = make_cluster().spec.hosts.members[0]
RELEASE = load_catalog(Path(__file__).resolve().parents[3] / "include/templates/kubernetes").release("v1.37.2")


def request() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    return made.public_bytes(Encoding.PEM)


@given(pem=mutated_text([request().decode()]))
@BUDGET
def test_signing_requests_of_laptops(pem: str) -> None:
    returned(lambda: read_request(pem))


def place(key: str) -> Place:
    found = place_of(key)
    assert found is not None
    return found


PLACES = [place(f"clusters/demo/{name}") for name in ("spec.yaml", "status.json")]


@pytest.mark.parametrize("at", PLACES, ids=[one.key for one in PLACES])
def test_signed_objects_of_the_store(at: Place) -> None:
    written = Authenticated.at(at, "here", 7, b"{}").to_bytes(at, KEYS)

    @given(data=mutated([written]))
    @BUDGET
    def check(data: bytes) -> None:
        found = returned(lambda: open_envelope(data, at, KEYS, "here"))
        assert found is None or (found.body, found.generation) == (b"{}", 7)
        returned(lambda: read_unverified(data, at))
        sealed_in(data)

    check()


PEOPLE = {
    "format": 1, "cluster": "demo", "authority": {"certificate": "x", "key": "y"}, "serverAuthority": "z",
    "contexts": [{"name": "a", "server": "b"}], "groups": {"Admin": ["windlass:view"]}, "minutes": 60,
}  # fmt: skip


@given(data=mutated_json([PEOPLE]))
@BUDGET
def test_what_lets_people_in(data: bytes) -> None:
    returned(lambda: PeopleAccess.from_bytes(data))


@given(data=mutated_json([["2026-11-24T12:00:00+00:00", "2026-11-24T12:01:00+00:00"]]))
@BUDGET
def test_counts_of_certificates(data: bytes) -> None:
    store = MemoryStore()
    records = PeopleRecords(store, "demo")
    records.count("airflow:anna", datetime(2026, 11, 24, 12, 2, tzinfo=UTC))
    key = next(item.key for item in store.list("clusters/demo/"))
    store.put(key, data)
    returned(lambda: records.count("airflow:anna", datetime(2026, 11, 24, 12, 3, tzinfo=UTC)))


YAML = base64.b64encode(b"kind: KubeletConfiguration\nreadOnlyPort: 0\n").decode()
AUDIT = f"""file=600 root:root /etc/windlass/pki/ca.crt
args=kube-apiserver {json.dumps(["kube-apiserver", "--profiling=false"])}
kubelet=1
kubelet_arg=--config=/etc/x
document=kubelet {YAML}
provider=aescbc
proxy_metrics=127.0.0.1:10249
complete=1
"""


@given(text=mutated_text([AUDIT]))
@BUDGET
def test_audits_of_hosts(text: str) -> None:
    returned(lambda: parse_audit(text, HOST))


@pytest.mark.parametrize("document", [b"a: [", b"!!python/object:x {}", b"a: \0", b"a: " + b"9" * 6000, b"[x]: secret"])
def test_a_file_of_a_host_that_is_no_yaml_is_told_and_not_quoted(document: bytes) -> None:
    text = f"complete=1\ndocument=kubelet {base64.b64encode(document).decode()}\n"
    with pytest.raises(IntegrityError, match="is no YAML") as refusal:
        parse_audit(text, HOST)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("text", ["a: [", "a: \0", "!!python/object:x {}"])
def test_what_is_no_yaml_is_said_to_be_unreadable(text: str) -> None:
    with pytest.raises(IntegrityError, match="cp-1: it is not readable"), read_from("cp-1: it", "see to it"):
        read_yaml(text)


@given(text=mutated_text(["windlass: overtaken by lease 1796000416\n"]))
@BUDGET
def test_what_a_host_says_of_leases(text: str) -> None:
    returned(lambda: overtaken_by("cp-1", 1, text))


METRICS = """# TYPE apiserver_requested_deprecated_apis gauge
apiserver_requested_deprecated_apis{group="policy",removed_release="1.25",resource="pdbs",version="v1beta1"} 1
"""


@given(text=mutated_text([METRICS]))
@BUDGET
def test_metrics_of_api_servers(text: str) -> None:
    list(requested(text, RELEASE))


@pytest.mark.parametrize(("value", "ends"), [("many", "1.25"), ("1", "9" * 5000 + ".1"), ("nan", "1.25"), ("1", "1.²")])
def test_a_metric_that_is_no_number_counts_nothing(value: str, ends: str) -> None:
    line = f'apiserver_requested_deprecated_apis{{group="x",removed_release="{ends}",version="v0"}} {value}\n'
    assert list(requested(line, RELEASE)) == []


@given(text=mutated_text(["Flags:\n      --feature-gates mapStringBool   A=true|false (ALPHA)\n  -v, --v Level  x\n"]))
@SMALL_BUDGET
def test_help_of_programs(text: str) -> None:
    returned(lambda: parse_help("kubelet", text))
