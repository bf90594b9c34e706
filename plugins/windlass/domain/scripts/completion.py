"""What the shells of people complete of the command `windlass`; nothing of it runs on a host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

_NAME = "_windlass"


@dataclass(frozen=True)
class Completable:
    """What may follow after some words of the command."""

    words: tuple[str, ...]
    """Of commands alone, such as `backup`, `list`; none at the beginning."""
    commands: tuple[str, ...]
    options: tuple[str, ...]

    @property
    def all(self) -> str:
        """All that may follow, with blanks between."""
        return " ".join((*self.commands, *self.options))


def bash(places: tuple[Completable, ...]) -> str:
    """Return a completion for bash."""
    commands = " ".join(sorted({name for place in places for name in place.commands}))
    cases = "\n".join(f'    "{" ".join(place.words)}") words="{place.all}" ;;' for place in places)
    return f"""{_NAME}() {{
  local word place="" words="" current="${{COMP_WORDS[COMP_CWORD]}}"
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case " {commands} " in *" $word "*) place="$place${{place:+ }}$word" ;; esac
  done
  case "$place" in
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F {_NAME} windlass"""


def zsh(places: tuple[Completable, ...]) -> str:
    """Return a completion for zsh, which reads that of bash."""
    return f"autoload -Uz bashcompinit && bashcompinit\n{bash(places)}"


def fish(places: tuple[Completable, ...]) -> str:
    """Return a completion for fish."""
    lines = ["complete -c windlass -e"]
    for place in places:
        seen = " ".join(place.words)
        others = " ".join(place.commands)
        here = [f"__fish_seen_subcommand_from {word}" for word in place.words]
        here += [f"not __fish_seen_subcommand_from {others}"] if others else []
        condition = "; and ".join(here) or "true"
        lines += [f"# {seen or 'windlass'}"]
        lines += [f"complete -c windlass -n '{condition}' -f -a '{others}'"] if others else []
        lines += [
            f"complete -c windlass -n '{condition}' -l {one[2:]}" for one in place.options if one.startswith("--")
        ]
    return "\n".join(lines)


SHELLS: Mapping[str, Callable[[tuple[Completable, ...]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
"""What writes a completion, by the name of the shell."""
