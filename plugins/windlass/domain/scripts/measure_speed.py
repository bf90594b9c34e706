"""The script that measures how fast a host computes: a fixed piece of work, and how long it took."""

from __future__ import annotations

from windlass.domain.scripts.script import Script


def measure_speed_script() -> Script:
    """Return the script, which prints milliseconds."""
    return Script("measure-speed", {}, _TEXT, is_look=True)


_TEXT = """began=$(date +%s%N); number=0
while [ $number -lt 10000 ]; do number=$((number + 1)); done
echo $(( ($(date +%s%N) - began) / 1000000 ))
"""
