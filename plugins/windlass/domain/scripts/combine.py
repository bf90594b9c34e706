"""Several scripts as one, so that a host is asked once."""

from __future__ import annotations

from windlass.domain.scripts.script import Script


def in_turn(name: str, *scripts: Script) -> Script:
    """Return one script that runs `scripts` in turn, each in a shell of its own, up to the first that fails."""
    text = "set -e\n" + "".join(f"(\n{script.text}\n)\n" for script in scripts)
    return Script(name, {"scripts": scripts}, text, is_look=all(script.is_look for script in scripts))


def at_once(name: str, *scripts: Script) -> Script:
    """Return one script that runs `scripts` side by side, each in a shell of its own; it fails if one of them does."""
    started = "".join(f'(\n{script.text}\n) & all="$all $!"\n' for script in scripts)
    end = 'for one in $all; do wait "$one" || code=$?; done\n[ $code = 0 ] || exit $code\n'
    is_look = all(script.is_look for script in scripts)
    return Script(name, {"scripts": scripts}, f'all=""; code=0\n{started}{end}', is_look=is_look)
