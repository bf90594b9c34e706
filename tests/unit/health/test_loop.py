"""The probe loop as it is sent to hosts: run by a bare Python, looking at real sockets."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from windlass.effects.probe import LOOP_ARGV, host_report, loop, loop_program
from windlass.effects.probe.checks import Probe, look
from windlass.effects.probe.host_report import answers, disks, epoch, lifetime, oldest_authority, oldest_certificate

LOCAL = "127.0.0.1"
NO_ANSWER = {"hung", "held_up"}
"""On a machine that is loaded too much the loop does not trust its own time-outs."""
OK = b"HTTP/1.0 200 OK\r\n\r\nok"


def probe(port: int, **changes: str) -> Probe:
    fields = {
        "id": "cp-1/thing", "address": LOCAL, "port": str(port), "protocol": "http", "path": "GET /livez HTTP/1.0",
        "authority": "", "certificate": "", "interval": "0.1", "timeout": "10", "times": "3", "accepts": "",
        "reach": "", "server_name": LOCAL,
    }  # fmt: skip
    return Probe(list((fields | changes).values()))


@contextmanager
def served(answer: bytes | None, context: ssl.SSLContext | None = None, port: int = 0) -> Iterator[int]:
    """Answer each connection with some bytes, or accept none of them if that is None."""
    listener = socket.create_server((LOCAL, port))
    listener.settimeout(0.05)
    is_over = threading.Event()

    def serve() -> None:
        while not is_over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(2)
                try:
                    with context.wrap_socket(connection, server_side=True) if context else connection as speaking:
                        speaking.recv(4096)
                        speaking.sendall(answer or b"")
                except OSError:
                    continue

    thread = threading.Thread(target=serve) if answer is not None else None
    if thread:
        thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        is_over.set()
        if thread:
            thread.join()
        listener.close()


def free_port() -> int:
    with socket.create_server((LOCAL, 0)) as listener:
        return int(listener.getsockname()[1])


def certificate(directory: Path, name: str, days: int = 1, names: tuple[str, ...] = ()) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    alternatives = [x509.DNSName(one) for one in names] or [x509.IPAddress(ip_address(LOCAL))]
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / f"{name}.crt"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    path.with_suffix(".key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip
    return path


def serving(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, path.with_suffix(".key"))
    return context


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (OK, ("passed", "")),
        (b"HTTP/1.1 500 Oh\r\n\r\n", ("bad", "HTTP 500")),
        (b"HTTP/1.1 401 No\r\n\r\n", ("passed", "")),
        (b"", ("bad", "the connection was closed without an answer")),
        (b"SSH-2.0-x\r\n", ("bad", "no answer of HTTP")),
    ],
)
def test_an_answer_says_how_it_is(answer: bytes, outcome: tuple[str, str]) -> None:
    with served(answer) as port:
        assert look(probe(port, accepts="401"), {}) == outcome


def test_a_process_that_is_down_refuses() -> None:
    assert look(probe(free_port()), {})[0] == "refused"


def test_a_process_that_hangs_does_not_answer_in_time() -> None:
    with served(None) as port:
        assert look(probe(port, timeout="0.7"), {}) == ("hung", "no answer within 0.7 s")


def test_tcp_needs_only_a_connection() -> None:
    with served(None) as port:
        assert look(probe(port, protocol="tcp"), {}) == ("passed", "")


def test_tls_is_verified(tmp_path: Path) -> None:
    right, wrong = certificate(tmp_path, "right"), certificate(tmp_path, "wrong")
    with served(OK, serving(right)) as port:
        assert look(probe(port, protocol="https", authority=str(right)), {}) == ("passed", "")
        assert look(probe(port, protocol="https", authority=str(wrong)), {})[0] == "tls"
        assert look(probe(port, protocol="https", authority=str(tmp_path / "none")), {})[0] == "unsure"
        another = probe(port, protocol="https", authority=str(right), server_name="kubernetes")
        assert look(another, {})[0] == "tls"  # what answers at the right address may be a kubelet


def test_an_expired_certificate_is_told_as_such(tmp_path: Path) -> None:
    old = certificate(tmp_path, "old", days=-1)
    with served(OK, serving(old)) as port:
        outcome, detail = look(probe(port, protocol="https", authority=str(old)), {})
    assert (outcome, "expired" in detail) == ("tls", True)


def test_a_host_reports_its_disks_and_certificates(tmp_path: Path) -> None:
    ((path, free),) = disks((str(tmp_path), "/no/such/place"))
    assert path == str(tmp_path)
    assert all(0 <= int(one) <= 100 for one in free.split(" "))
    certificate(tmp_path, "young", days=90)
    old = certificate(tmp_path, "old", days=1)
    left, life, path = oldest_certificate(str(tmp_path)).split(" ")
    assert (path, float(life)) == (str(old), 3 * 86400)
    assert 86000 < float(left) < 86401
    assert lifetime(str(tmp_path / "none.crt")) is None
    assert oldest_certificate(str(tmp_path / "none")) == ""


def test_a_host_reports_its_authorities_apart_from_what_is_renewed_there(tmp_path: Path) -> None:
    certificate(tmp_path, "leaf", days=1)
    ca = certificate(tmp_path, "ca", days=20)
    ca.with_suffix(".key").unlink()
    _, life, path = oldest_authority(str(tmp_path)).split(" ")
    assert (path, float(life)) == (str(ca), 22 * 86400)
    assert oldest_certificate(str(tmp_path)).endswith("leaf.crt")


@contextmanager
def listening(path: Path, answer: bytes) -> Iterator[str]:
    """Answer one question at a Unix socket, or none if there is no answer."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    if answer:
        thread.start()
    yield str(path)
    if answer:
        thread.join()
    listener.close()


def test_an_engine_that_does_not_answer_is_told_from_one_that_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_report, "ENGINE_WAIT", 0.05)
    with listening(tmp_path / "hangs", b"") as path:
        assert not answers("docker", {"docker": path})
    monkeypatch.setattr(host_report, "ENGINE_WAIT", 10.0)
    with listening(tmp_path / "well", b"HTTP/1.0 200 OK") as path:
        assert answers("docker", {"docker": path})
    assert answers("docker", {"docker": str(tmp_path / "none")})
    assert answers("kubelet", {})


SYSTEMCTL = """#!/bin/sh
case "$*" in
  *--value*) case "$*" in *hung*) cat {directory}/pid ;; *) echo 0 ;; esac ;;
  is-active*) [ "$2" = down ] && echo failed || echo active ;;
  show*) printf 'ActiveState=active\\nMainPID=%s\\n\\nActiveState=failed\\nMainPID=0\\n' $(cat {directory}/pid) ;;
esac
"""


def test_the_loop_tells_a_unit_that_was_stopped_by_a_signal(running: Running, tmp_path: Path) -> None:
    command = tmp_path / "systemctl"
    command.write_text(SYSTEMCTL.format(directory=tmp_path))
    command.chmod(0o755)
    with subprocess.Popen(["sleep", "60"]) as stopped:
        (tmp_path / "pid").write_text(str(stopped.pid))
        stopped.send_signal(signal.SIGSTOP)
        try:
            running.tell("unit\thung\nunit\tdown\nstart\n")
            assert running.until(lambda fields: fields[0] == "unit") == ["unit", "hung", "hanging"]
            assert running.until(lambda fields: fields[0] == "unit") == ["unit", "down", "failed"]
        finally:
            stopped.kill()


@pytest.mark.parametrize(
    ("own", "word"), [("127.0.0.100/32", "holds"), ("127.0.0.10/32", "reached"), ("127.0.0.1/8", "reached")]
)
def test_the_loop_tells_whether_its_host_holds_the_virtual_address(
    running: Running, tmp_path: Path, own: str, word: str
) -> None:
    command = tmp_path / "ip"
    command.write_text(f"#!/bin/sh\necho '2: eth0    inet {own} scope global eth0'\n")
    command.chmod(0o755)
    # Nothing listens there: that a connection is refused says that somebody has the address.
    running.tell(f"address\t127.0.0.100\t{free_port()}\nstart\n")
    assert running.until(lambda fields: fields[0] == "address") == ["address", "127.0.0.100", word]


CRASHING = """#!/bin/sh
case "$*" in
  *NRestarts*) step=$(($(cat {directory}/step) + {growth})); echo $step | tee {directory}/step ;;
  *--value*) echo 0 ;;
  is-active*) echo {state} ;;
esac
"""


@pytest.mark.parametrize(
    ("state", "growth", "told"),
    [("activating", 1, "restarting"), ("active", 1, "restarting"), ("activating", 0, "stuck"), ("active", 0, "active")],
)
def test_the_shell_tells_a_unit_that_does_not_stay_up(tmp_path: Path, state: str, growth: int, told: str) -> None:
    command = tmp_path / "systemctl"
    command.write_text(CRASHING.format(directory=tmp_path, state=state, growth=growth))
    command.chmod(0o755)
    (tmp_path / "step").write_text("7")
    functions = LOOP_ARGV[-1].partition("\ntrap 'kill 0' EXIT")[0]
    reports = functions + "\nunits=windlass-containerd\n" + "report\n" * 8
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", reports], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    messages = [line.split("\t") for line in done.stdout.splitlines()]
    states = [message[3] for message in messages if message[1:3] == ["unit", "windlass-containerd"]]
    assert len(states) == 8
    assert states[:2] == [state, state]
    assert states[-1] == told


@pytest.mark.parametrize(
    ("reports", "told"),
    [
        ([("activating", 9), ("activating", 17), ("active", 25)], ["activating", "restarting", "restarting"]),
        ([("active", 0), ("active", 1), ("active", 1)], ["active"] * 3),  # one crash is systemd's business
        ([("active", 0), ("active", 3), *[("active", 3)] * 6], ["active", *["restarting"] * 6, "active"]),
        ([("active", 0), ("active", 3), ("active", 0)], ["active", "restarting", "active"]),  # repair restarted it
        ([("activating", 0)] * 6, [*["activating"] * 5, "stuck"]),
        ([("failed", 0), ("failed", 9)], ["failed", "failed"]),
    ],
)
def test_a_unit_is_judged_by_how_it_has_come_up(reports: list[tuple[str, int]], told: list[str]) -> None:
    life = host_report.UnitHistory()
    assert [life.judge(state, restarts) for state, restarts in reports] == told


def test_reads_times_as_docker_writes_them() -> None:
    assert epoch("2026-11-24T00:00:01.123456789Z") == datetime(2026, 11, 24, 0, 0, 1, tzinfo=UTC).timestamp()


class Running:
    """A loop as it runs on a host, with python3 or without."""

    def __init__(self, bin_directory: Path, *, has_python: bool, limits: str = "pace=10 orphaned=180") -> None:
        python = bin_directory / "python3"
        python.write_text(f'#!/bin/sh\nexec {sys.executable} -I "$@"\n' if has_python else "#!/bin/sh\nexit 127\n")
        python.chmod(0o755)
        path = {"PATH": f"{bin_directory}:{os.environ['PATH']}"}
        argv = [one.replace("pace=10 orphaned=180", limits) for one in LOOP_ARGV]
        # Of a session of its own: without python3 it ends its whole process group, as `timeout` makes it one on hosts.
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=path, start_new_session=True
        )
        self.tell(loop_program())

    def tell(self, text: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(text.encode())

    def until(self, is_it: Callable[[list[str]], bool]) -> list[str]:
        assert self.process.stdout
        for line in iter(self.process.stdout.readline, b""):
            fields = line.decode().rstrip("\n").split("\t")[1:]
            if is_it(fields):
                return fields
        raise AssertionError("the loop ended")


@contextmanager
def ended_at_last(loop: Running) -> Iterator[Running]:
    try:
        yield loop
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(loop.process.pid, signal.SIGKILL)
        with loop.process:  # closes the pipes and waits
            pass


@pytest.fixture(params=["python3", "sh"])
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    with ended_at_last(Running(tmp_path, has_python=request.param == "python3")) as loop:
        yield loop


def probe_line(
    port: int, name: str = "thing", protocol: str = "http", authority: str = "", server_name: str = LOCAL
) -> str:
    asked = f"{LOCAL}\t{port}\t{protocol}\tGET / HTTP/1.0\t{authority}"
    return f"probe\tcp-1/{name}\t{asked}\t\t0.1\t2\t3\t\t0\t{server_name}\n"


def test_the_loop_tells_changes_and_a_heartbeat(running: Running) -> None:
    port = free_port()
    running.tell(probe_line(port) + "start\nwatch\tcp-1/thing\n")
    assert running.until(lambda fields: fields[0] == "beat")
    assert running.until(lambda fields: fields[:3] == ["look", "cp-1/thing", "refused"])
    with served(OK, port=port):
        assert running.until(lambda fields: fields[0] == "look" and fields[2] == "passed")


def test_the_loop_tells_a_process_that_hangs(running: Running) -> None:
    with served(None) as port:
        running.tell(probe_line(port) + "watch\tcp-1/thing\n")
        assert running.until(lambda fields: fields[0] == "look" and fields[2] in NO_ANSWER)


def test_the_loop_verifies_tls(running: Running, tmp_path: Path) -> None:
    right, wrong = certificate(tmp_path, "right"), certificate(tmp_path, "wrong")
    with served(OK, serving(right)) as port:
        for name, authority in (("right", right), ("wrong", wrong)):
            running.tell(probe_line(port, name, "https", str(authority)) + f"watch\tcp-1/{name}\n")
            desired = ["look", f"cp-1/{name}", {"right": "passed", "wrong": "tls"}[name]]
            assert running.until(lambda fields, desired=desired: fields[:3] == desired)  # type: ignore[misc]


def test_the_loop_accepts_only_a_certificate_with_the_name_that_it_asks_for(running: Running, tmp_path: Path) -> None:
    certificate(tmp_path, "api", names=("kubernetes",))
    with served(OK, serving(tmp_path / "api.crt")) as port:
        for name, desired in (("kubernetes", "passed"), (LOCAL, "tls")):
            asks = probe_line(port, name, "https", str(tmp_path / "api.crt"), name)
            running.tell(f"{asks}watch\tcp-1/{name}\n")
            told = ["look", f"cp-1/{name}", desired]
            assert running.until(lambda fields, told=told: fields[:3] == told)  # type: ignore[misc]


def test_the_loop_rests_when_it_is_told_to(running: Running) -> None:
    with served(None) as port:
        running.tell(probe_line(port) + "watch\tcp-1/thing\n")
        running.until(lambda fields: fields[0] == "look")
        running.tell("rest\tcp-1/thing\ninspect\tno-such-thing\n")
        assert running.until(lambda fields: fields[0] == "container")[1:3] == ["no-such-thing", "unknown"]


def test_a_look_that_was_stuck_is_followed_by_one_that_is_told_whatever_it_sees() -> None:
    told = io.BytesIO()
    mouth = loop.MessageWriter(told)
    one = loop.Loop(mouth)
    one._watchers["cp-1/thing"] = loop.ProbeRunner(probe(1, times="2"), {}, mouth)
    for _ in range(3):
        mouth.tell("cp-1/thing", "passed", 2, ("look", "passed"))
    one._watchers["cp-1/thing"].probe.last -= 60  # as if this host had been frozen
    one._beat()
    mouth.tell("cp-1/thing", "passed", 2, ("look", "passed"))
    messages = [line.split("\t")[1:] for line in told.getvalue().decode().splitlines()]
    assert [message[-1] for message in messages if message[0] == "look"] == [
        "passed",
        "passed",
        "the look is stuck",
        "passed",
    ]


def test_a_host_to_which_the_api_tells_no_node_says_so_and_one_that_is_asked_again_tells_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = io.BytesIO()
    one = loop.Loop(loop.MessageWriter(told))
    rows: list[list[str]] = []
    monkeypatch.setattr(host_report, "nodes", lambda *_: rows)
    for _ in range(loop.BLIND_LOOKS):
        one._report_nodes(LOCAL, 1)
    rows.append(["w-1", "Ready"])
    for _ in range(loop.TOLD + 1):
        one._report_nodes(LOCAL, 1)
    one.do_no_nodes()
    one._report_nodes(LOCAL, 1)
    messages = [line.split("\t")[1:] for line in told.getvalue().decode().splitlines()]
    assert messages == [["nodes", "blind"], *[["node", "w-1", "Ready"]] * (loop.TOLD + 1)]


def test_a_host_without_the_certificate_to_ask_with_says_that_it_is_blind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = io.BytesIO()
    one = loop.Loop(loop.MessageWriter(told))
    monkeypatch.setattr(host_report, "PKI", str(tmp_path))
    for _ in range(loop.BLIND_LOOKS):
        one._report_nodes(LOCAL, 1)
    assert told.getvalue().decode().rstrip().endswith("nodes\tblind")


def test_the_loop_ends_with_its_orders(running: Running) -> None:
    assert running.process.stdin
    running.tell("start\n")
    running.process.stdin.close()
    assert running.process.wait(10) in {0, -signal.SIGTERM}


def test_the_shell_goes_on_while_somebody_listens_and_ends_when_nobody_does(tmp_path: Path) -> None:
    with ended_at_last(Running(tmp_path, has_python=False, limits="pace=0.2 orphaned=2")) as loop:
        loop.tell("start\n")
        began = time.monotonic()
        while time.monotonic() < began + 6:
            assert loop.until(lambda fields: fields[0] == "beat")
            loop.tell("alive\n")
        assert loop.process.wait(30) == -signal.SIGTERM


def test_the_loop_in_python_ends_when_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", end)
    one = loop.Loop(loop.MessageWriter(io.BytesIO()))
    one._beat()
    one._heard -= loop.ORPHANED - 1
    one.obey("alive\n")
    one._beat()
    one._heard -= loop.ORPHANED + 1
    with pytest.raises(SystemExit):
        one._beat()


def test_the_loop_does_not_know_every_order(running: Running) -> None:
    running.tell("alive\nsing\tloud\nstart\n")
    assert running.until(lambda fields: fields[0] == "beat")


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this kernel has no IPv6")
def test_an_ipv6_address_to_which_nothing_leads_is_no_mistake_of_the_probe() -> None:
    nowhere = probe(1, address="2001:db8::1", timeout="0.7")
    assert look(nowhere, {})[0] == "hung"
    assert nowhere.host == "[2001:db8::1]"
