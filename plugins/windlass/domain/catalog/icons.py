"""Icons of drivers: SVGs of a few kinds of shapes, so that a page may show what somebody else has drawn."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

ICON_FILE = "icon.svg"
MOST_BYTES = 8192
_SVG = "{http://www.w3.org/2000/svg}"
_SHAPES = frozenset({"svg", "g", "title", "path", "circle", "ellipse", "rect", "line", "polyline", "polygon"})
_PLACES = frozenset({"viewBox", "width", "height", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry"})
_STROKE = frozenset(f"stroke{rest}" for rest in ("", "-width", "-linecap", "-linejoin", "-dasharray"))
_ATTRIBUTES = _PLACES | _STROKE | {"d", "points", "transform", "fill", "fill-rule", "opacity"}


def icon_problems(text: str) -> Iterator[str]:
    """Yield what keeps a text from being an icon: nothing of it may be run, or fetched from elsewhere."""
    if len(text.encode()) > MOST_BYTES:
        yield f"it has more than {MOST_BYTES} bytes"
    elif "<!" in text or "<?" in text:
        yield "it has declarations or comments; leave shapes alone in it"
    else:
        yield from _shape_problems(text)


def _shape_problems(text: str) -> Iterator[str]:
    try:
        root = ET.fromstring(text)  # noqa: S314 (no declarations are in it, and so no entities)
    except ET.ParseError as error:
        yield f"it is no XML: {error}"
        return
    if root.tag != f"{_SVG}svg":
        yield 'it is no SVG; it begins with <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
    for element in root.iter():
        if element.tag.removeprefix(_SVG) not in _SHAPES:
            yield f"<{element.tag.removeprefix(_SVG)}> is none of {', '.join(sorted(_SHAPES))}"
        for name, value in element.attrib.items():
            if name not in _ATTRIBUTES:
                yield f"the attribute {name} is none of {', '.join(sorted(_ATTRIBUTES))}"
            elif "url" in value.lower():
                yield f"the attribute {name} leads elsewhere"
