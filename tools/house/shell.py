"""Shell stands in `domain/scripts`, where each text has a name and a golden file, and in effects, which run it."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Sequence

from tools.house.source import Result, Source

HOMES = ("plugins/windlass/domain/scripts", "plugins/windlass/effects")
_FILTERS = "awk|cut|grep|head|sed|sort|tail|tr|uniq|wc|xargs"
_SYNTAX = re.compile(
    "|".join(
        (
            r"^\s*set -[eux]+",
            r";\s*(then|do)\s*$|;\s*(fi|done|esac)\b",
            r"\n\s*(then|do|fi|done|esac)\s*$",
            r"[0-9]?>\s*/dev/null|[0-9]?>&[0-9]",
            r"\$\(\S|\$\{\w+[:%#]|\"\$[\w@*]",
            r"\s(&&|\|\|)\s",
            rf"\|\s*({_FILTERS})\s",
            r"(^|[\s;])\[ !?\s?-[a-z] ",
        )
    ),
    re.MULTILINE,
)
"""What only a shell reads: set -e, then and fi, redirections, expansions, && and ||, a pipe to a filter, tests."""
_QUOTED = re.compile(r"`[^`\n]+`")
"""A command in backticks is quoted to people, in a message or in help."""
_SHELLS = frozenset({"sh", "bash", "/bin/sh", "/bin/bash"})


def check_shell(sources: Sequence[Source]) -> Result:
    """Find texts in a shell's syntax, and commands that hand one over, outside their homes."""
    broken = [line for source in sources if not source.is_in(*HOMES) for line in _shell_in(source)]
    return Result(f"shell texts out of place {len(broken)}", broken)


def _shell_in(source: Source) -> Iterator[str]:
    for node, text in source.texts():
        if found := _SYNTAX.search(_QUOTED.sub("", text)):
            yield f"{source.at(node)}: shell (`{found[0].strip()}`) stands outside {HOMES[0]}"
    for command in ast.walk(source.tree):
        if isinstance(command, ast.List | ast.Tuple) and (words := _shell_command(command.elts)):
            yield f"{source.at(command)}: a command for `{words}` is put together outside {HOMES[0]}"


def _shell_command(words: Sequence[ast.expr]) -> str:
    """Return the words by which a shell is handed a text, as an argument or on its stdin; empty if none is."""
    said = [word.value if isinstance(word, ast.Constant) else None for word in words]
    pairs = (f"{one} {two}" for one, two in itertools.pairwise(said) if one in _SHELLS and two in {"-c", "-s"})
    return next(pairs, "")
