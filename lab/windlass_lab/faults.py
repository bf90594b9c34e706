"""Faults on purpose, on one host of a lab at a time: what breaks on real hosts, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from windlass.domain.host.layout import DATA
from windlass.errors import CommandError, RefusedError
from windlass_lab.containers import container_name
from windlass_lab.docker import docker
from windlass_lab.hosts import bring_up, delete, host_keys, wait_until_ready
from windlass_lab.lab import ground
from windlass_lab.model import Lab, save
from windlass_lab.vm import machine_of, switch_off

Direction = Literal["both", "in", "out"]

CUT_TABLE = "windlass_lab_cut"
LOSS_TABLE = "windlass_lab_loss"
INTERFACE = "eth0"

BALLAST = ".windlass-lab-ballast"

_HOOKS = {"in": ("prerouting", "iifname", "saddr"), "out": ("postrouting", "oifname", "daddr")}

_FILL_SCRIPT = """
set -eu
free=$(df --output=avail --block-size=1 "$1" | tail -n 1)
fallocate --length "$free" "$1/$2" 2>/dev/null || true
# What fallocate could not have, down to the last block: here `no space left` is what is wanted.
dd if=/dev/zero of="$1/$2" oflag=append conv=notrunc bs=4096 2>/dev/null || true
"""


def stop(lab: Lab, host: str) -> None:
    """Shut a host down in order, as `poweroff` does."""
    docker("stop", "--time", "30", _container(lab, host), host=host)


def start(lab: Lab, host: str) -> None:
    """Switch a stopped or killed host on and wait until it is ready."""
    bring_up(lab, lab.host(host), ground(lab))
    wait_until_ready(lab, lab.host(host))


def pause(lab: Lab, host: str) -> None:
    """Freeze all processes of a host: it holds its connections and answers nothing."""
    docker("pause", _container(lab, host), host=host)


def unpause(lab: Lab, host: str) -> None:
    """Let a paused host go on."""
    docker("unpause", _container(lab, host), host=host)


def kill(lab: Lab, host: str) -> None:
    """Take a host's power away: every process gets SIGKILL, nothing is written or said any more."""
    if lab.host(host).is_vm:
        switch_off(machine_of(lab, lab.host(host)).pid_file)
        return
    docker("kill", _container(lab, host), host=host)


def cut(lab: Lab, host: str, direction: Direction = "both", peers: Sequence[str] = ()) -> None:
    """Drop a host's packets in one direction or both: to and from all, or only some other hosts of the lab."""
    addresses = [lab.host(peer).address for peer in peers]
    _nft(lab, host, cut_rules(direction, addresses))


def loss(lab: Lab, host: str, percent: int) -> None:
    """Drop this share of the packets that arrive at a host, and of those that leave it."""
    _nft(lab, host, loss_rules(percent))


def delay(lab: Lab, host: str, by: timedelta, jitter: timedelta = timedelta(0)) -> None:
    """Hold back each packet that leaves a host; RefusedError where the kernel cannot (no netem)."""
    try:
        docker("exec", _container(lab, host), *delay_argv(by, jitter), host=host)
    except CommandError as error:
        if "qdisc kind is unknown" not in error.failure.stderr:
            raise
        raise RefusedError(
            f"{host}: this machine's kernel has no netem (sch_netem), so packets cannot be delayed; "
            "use a machine that has it, or `windlass lab fault loss`, which works everywhere"
        ) from error


def throttle(lab: Lab, host: str, kilobits: int) -> None:
    """Let a host send only so many kilobits a second: most is late by up to 0.4 s then, some is lost."""
    docker("exec", _container(lab, host), *throttle_argv(kilobits), host=host)


def mend(lab: Lab, host: str) -> None:
    """Take back `cut`, `loss`, `delay` and `throttle`."""
    _nft(lab, host, _drop_table(CUT_TABLE) + _drop_table(LOSS_TABLE))
    shown = docker("exec", _container(lab, host), "tc", "qdisc", "show", "dev", INTERFACE, host=host)
    if "netem" in shown or "tbf" in shown:
        docker("exec", _container(lab, host), "tc", "qdisc", "delete", "dev", INTERFACE, "root", host=host)


def fill_disk(lab: Lab, host: str) -> None:
    """Fill a host's own disk below /var/lib/windlass to the last block; RefusedError if it has none of its own.

    Without one the machine's whole disk would be filled: make the lab with a disk size.
    """
    if not lab.disk_size:
        raise RefusedError(
            f"{host}: its data lies on this machine's disk, which is not filled; make a lab whose hosts have disks of "
            "their own: `windlass lab up --name NAME --disk 4G`"
        )
    docker("exec", _container(lab, host), "sh", "-c", _FILL_SCRIPT, "fill", DATA, BALLAST, host=host)


def free_disk(lab: Lab, host: str) -> None:
    """Take back `fill_disk`."""
    docker("exec", _container(lab, host), "rm", "--force", f"{DATA}/{BALLAST}", host=host)


def wipe(lab: Lab, host: str, *, new_keys: bool = False) -> Lab:
    """Replace a host by an empty one of the same name and address, and wait until it is ready.

    With `new_keys` it has another SSH host key, as a machine that was installed anew. Returns the lab as it is then.
    """
    old = lab.host(host)
    delete(lab, old)
    fresh = replace(old, public_key=host_keys(lab.name, host, renew=new_keys).public)
    changed = replace(lab, hosts=tuple(fresh if one == old else one for one in lab.hosts))
    save(changed)
    start(changed, host)
    return changed


def cut_rules(direction: Direction, addresses: Sequence[str]) -> str:
    """Return the nft script that cuts a host off: its own table, before and after all that the host itself does."""
    chains = [
        _chain(hook, interface, f"ip {side} {{ {', '.join(addresses)} }} drop" if addresses else "drop")
        for name, (hook, interface, side) in _HOOKS.items()
        if direction in {"both", name}
    ]
    return _drop_table(CUT_TABLE) + f"table inet {CUT_TABLE} {{\n{''.join(chains)}}}\n"


def loss_rules(percent: int) -> str:
    """Return the nft script that drops each packet with a chance of `percent`, in both directions."""
    if not 0 < percent <= 100:
        raise RefusedError(f"{percent} % is no share of packets: 1 to 100")
    # nft refuses a comparison that is always true.
    verdict = "drop" if percent == 100 else f"numgen random mod 100 < {percent} drop"
    chains = [_chain(hook, interface, verdict) for hook, interface, _ in _HOOKS.values()]
    return _drop_table(LOSS_TABLE) + f"table inet {LOSS_TABLE} {{\n{''.join(chains)}}}\n"


def delay_argv(by: timedelta, jitter: timedelta) -> tuple[str, ...]:
    """Return the tc command that delays what leaves a host."""
    words = [f"{_milliseconds(by)}ms", *([f"{_milliseconds(jitter)}ms"] if jitter else [])]
    return ("tc", "qdisc", "replace", "dev", INTERFACE, "root", "netem", "delay", *words)


def throttle_argv(kilobits: int) -> tuple[str, ...]:
    """Return the tc command that lets packets wait for their turn."""
    rate = ("rate", f"{kilobits}kbit", "burst", "4kb", "latency", "400ms")
    return ("tc", "qdisc", "replace", "dev", INTERFACE, "root", "tbf", *rate)


def _chain(hook: str, interface: str, verdict: str) -> str:
    # Before connection tracking at -200 on the way in; after everything else on the way out.
    priority = -350 if hook == "prerouting" else 350
    return (
        f"  chain {hook} {{\n    type filter hook {hook} priority {priority};\n"
        f'    {interface} "{INTERFACE}" {verdict}\n  }}\n'
    )


def _drop_table(table: str) -> str:
    # Naming a table makes it where it is missing, so that deleting it never fails.
    return f"table inet {table}\ndelete table inet {table}\n"


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def _nft(lab: Lab, host: str, script: str) -> None:
    docker("exec", "--interactive", _container(lab, host), "nft", "-f", "-", stdin=script.encode(), host=host)


def _container(lab: Lab, host: str) -> str:
    if lab.host(host).is_vm:
        raise RefusedError(f"{host} is a virtual machine: of the faults only `start`, `kill` and `wipe` are for those")
    return container_name(lab.name, host)
