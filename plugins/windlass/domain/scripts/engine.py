"""The Docker Engine that Windlass brings to a host which has none: how it is started there, and taken away again.

It is static and needs nothing of the host's distribution; its programs are laid down by `scripts.install`. The socket
is the one that `docker` uses by default, and the unit is called as everywhere, so that an operator finds both.
"""

from __future__ import annotations

from windlass.domain.host.layout import DOCKER_UNFINISHED, ENGINE_UNIT, PROGRAMS
from windlass.domain.rendering.engine import EnginePrograms, engine_unit
from windlass.domain.scripts.apply import unit_script
from windlass.domain.scripts.host_record import ENGINE_IS_OURS, RULES_BEFORE
from windlass.domain.scripts.script import Script

_DATA_MARK = f"{PROGRAMS}/docker-data"
"""Says that all data of the engine came after it."""
_CHAINS = "DOCKER(-(USER|FORWARD|BRIDGE|CT|INTERNAL|INGRESS|ISOLATION-STAGE-[0-9]))?"
"""The chains of an engine and no others: that of a machine whose container this host is has `DOCKER_OUTPUT`."""
_BRIDGES = f"(docker0|br-{'[0-9a-f]' * 12})"
_RULES = f"(^:|^-A | -[jg] ){_CHAINS}( |$)| -[io] {_BRIDGES}( |$)"
"""An engine's chains and rules, as `iptables-save` writes them."""


def docker_script(programs: EnginePrograms) -> Script:
    """Return the script that starts Docker Engine by its programs, which lie on the host already.

    An engine of Windlass's that was started by others starts again; its containers live on meanwhile, as its settings
    say (`live-restore`). Somebody else's is left alone. Where somebody else's unit or command has the name it fails,
    and changes nothing.
    """
    unit, start = engine_unit(programs), unit_script("docker", (ENGINE_UNIT,), programs.binaries)
    text = f"""set -eu
umask 022
unfinished={DOCKER_UNFINISHED} unit={ENGINE_UNIT}
is_ours() {{ {ENGINE_IS_OURS}; }}
if [ ! -e $unfinished ] && command -v dockerd >/dev/null && ! is_ours; then exit 0; fi
if [ -e $unit ] && ! is_ours; then
  echo "$unit is there, and no dockerd; remove what is left of that engine, then run this again" >&2; exit 1
fi
there=$(command -v docker) || there=
case $(readlink -f "$there" 2>/dev/null) in
  ''|{PROGRAMS}/*) ;;
  *) echo "$there is there, and no Docker Engine (it may be Podman's); remove it, then run this again" >&2; exit 1 ;;
esac
if [ ! -e $unit ]; then
  mkdir -p "${{unfinished%/*}}"
  [ -n "$(ls -A /var/lib/docker 2>/dev/null)" ] || touch {_DATA_MARK}
  touch $unfinished
fi
cat >$unit.new <<'END'
{unit}END
if [ "$(cat $unit.new)" = "$(cat $unit 2>/dev/null)" ]; then rm $unit.new; else mv $unit.new $unit; fi
# Where sudo looks for programs: on some systems not below /usr/local.
case ":$PATH:" in *:/usr/local/bin:*) bin=/usr/local/bin ;; *) bin=/usr/bin ;; esac
for program in docker dockerd; do
  [ "$(readlink $bin/$program)" = {programs.engine}/$program ] || ln -sfn {programs.engine}/$program $bin/$program
done
(
{start.text})
rm -f $unfinished
"""
    arguments = {"unit": unit, "binaries": programs.binaries}
    return Script("install-docker", arguments, text)


END_ENGINE = f"""
# An engine that Windlass brought goes with the cluster, unless it has, or may have, what is not Windlass's.
if {ENGINE_IS_OURS}; then
  case $engine in up) others=$(docker ps -aq) ;; none) others= ;; *) others=unknown ;; esac
  if [ -z "$others" ]; then
    bridges=$([ "$engine" != up ] || docker network ls -q | sed 's/^/br-/')
    systemctl disable --now --quiet docker 2>/dev/null; engine=none
    # Its own containerd, should an engine that was killed have left that alone.
    systemctl kill --signal KILL docker 2>/dev/null
    awk '$2 ~ "^/(run|var/lib)/docker/" {{print $2}}' /proc/mounts | sort -r | while read -r path; do
      umount -l "$path" 2>/dev/null
    done
    rm -rf /run/docker /run/docker.sock /run/docker.pid
    for link in /usr/local/bin/docker /usr/local/bin/dockerd /usr/bin/docker /usr/bin/dockerd; do
      case $(readlink "$link") in {PROGRAMS}/*) rm -f "$link" ;; esac
    done
    [ ! -e {_DATA_MARK} ] || find /var/lib/docker -mindepth 1 -maxdepth 1 -exec rm -rf {{}} + 2>/dev/null
    rmdir /var/lib/docker 2>/dev/null
    for link in docker0 $bridges; do ip link delete "$link" 2>/dev/null; done
    for tables in iptables ip6tables; do
      rules=$($tables-save 2>/dev/null) before={RULES_BEFORE} policy=ACCEPT
      case $rules in *DOCKER*) ;; *) continue ;; esac
      if [ -e $before ]; then
        found=$(sed -n '/^[*]filter/,/^COMMIT/s/^:FORWARD \\([A-Z]*\\).*/\\1/p' $before); policy=${{found:-$policy}}
      else policy=DROP; fi
      printf '%s\n' "$rules" | awk -v before=$before '
        BEGIN {{while ((getline line <before) > 0) had[line]}}
        $0 in had || $0 !~ /{_RULES}/' |
        sed "/^[*]filter/,/^COMMIT/s/^:FORWARD DROP/:FORWARD $policy/" | $tables-restore
    done
    # Last of all: it says that there is an engine of Windlass's to be taken away.
    rm -f {ENGINE_UNIT}; gone "docker engine"
  fi
fi

"""
"""Takes an engine of ours away, with its data where none was there before it."""

CHECK_ENGINE = f"""
check_engine() {{
  {ENGINE_IS_OURS} || return 0
  names=$(docker ps -a --format '{{{{.Names}}}}' 2>/dev/null | tr '\\n' ' ')
  add "Windlass's Docker Engine, which has other containers: ${{names:-it does not say which}}"
}}

"""
"""Says that an engine of ours is left, and why."""
