"""Scripts that verification runs in pods of its own."""

from __future__ import annotations

from windlass.domain.scripts.script import Script

PAGES = "/srv/www"
"""Where a web server of ours has its pages; the pod brings the directory."""


def serve_page_script(page: str, port: int) -> Script:
    """Return the script of a web server with one page."""
    text = f"echo {page} > {PAGES}/index.html && echo serving && exec httpd -f -p {port} -h {PAGES}"
    return Script("serve-page", {"page": page, "port": port}, text)


def keep_word_script() -> Script:
    """Return the script that writes a word, its argument, to the volume and reads it back."""
    return Script("keep-word", {}, 'echo "$1" > /data/word && sync && cat /data/word')
