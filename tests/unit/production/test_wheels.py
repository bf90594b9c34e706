from __future__ import annotations

from pathlib import Path

from tools.production.wheels import environment_of, requirements_for

PINNED = """\
always==1 \\
    --hash=sha256:aa
    # via x
older==2 ; python_full_version < '3.11.3' \\
    --hash=sha256:bb \\
    --hash=sha256:cc
windows==3 ; sys_platform == 'win32' \\
    --hash=sha256:dd
"""


def test_conditions_are_judged_by_the_python_that_will_run_it() -> None:
    old, new = (requirements_for(PINNED, environment_of(python)) for python in ("3.11.2", "3.11.7"))
    assert new == "always==1 \\\n    --hash=sha256:aa\n"
    assert old == new + "older==2 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"


def test_every_pinned_package_keeps_its_hashes() -> None:
    text = (Path(__file__).parents[3] / "requirements.txt").read_text()
    chosen = requirements_for(text, environment_of("3.11.2"))
    names = [line.split("==")[0] for line in chosen.splitlines() if not line.startswith(" ")]
    assert {"apache-airflow", "etcd3", "async-timeout"} <= set(names)
    assert chosen.count("--hash=sha256:") >= len(names)
    assert ";" not in chosen
