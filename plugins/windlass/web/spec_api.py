"""A spec while it is written: what is wrong with it, what the form makes of it, what it is rendered to.

Nothing is kept, and no host or store is asked. What `windlass spec validate` says of a file, this says of the text.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import HTTPException
from pydantic import BaseModel, Field

from windlass.domain.rendering.preview import preview_stacks
from windlass.domain.spec import CheckedSpec, check_text, summary_line
from windlass.domain.spec.document import MAX_BYTES
from windlass.domain.spec.form import SpecForm, read_form, write_form
from windlass.errors import WindlassError
from windlass.web.needs import TheCatalog, TheKnown

FILENAME = "spec"
"""What problems are told to be in, as the command names a file."""


class SpecText(BaseModel):
    """A spec as it is being written."""

    text: Annotated[str, Field(max_length=MAX_BYTES)]


class FormRequest(SpecText):
    """A text, and what the form beside it says now."""

    form: SpecForm


def check_spec(request: SpecText, known: TheKnown, catalog: TheCatalog) -> dict[str, Any]:
    """Return what is wrong with a spec, line by line, and what the form shows of it."""
    checked = check_text(request.text, known)
    return {**_told(checked), "form": _form_values(read_form(request.text, catalog))}


def fill_spec(request: FormRequest, known: TheKnown, catalog: TheCatalog) -> dict[str, Any]:
    """Return the text with what the form says in it, and what is wrong with that; 409 if it can take no form."""
    text = write_form(request.text, request.form, catalog)
    if text is None:
        told = _told(check_text(request.text, known))
        raise HTTPException(409, {"text": "correct the text first: the form cannot be written into it", **told})
    return {"text": text, **_told(check_text(text, known))}


def preview_spec(request: SpecText, known: TheKnown, catalog: TheCatalog) -> dict[str, Any]:
    """Return the Compose files of every host by its stacks; 409 while something is wrong with the spec."""
    checked = check_text(request.text, known)
    if checked.problems or checked.cluster is None:
        raise HTTPException(409, {"text": "correct the spec first", **_told(checked)})
    try:
        release = catalog.release(checked.cluster.spec.kubernetes.version)
        return {"hosts": preview_stacks(checked.cluster, release)}
    except WindlassError as error:
        raise HTTPException(409, {"text": str(error), **_told(checked)}) from error


def _told(checked: CheckedSpec) -> dict[str, Any]:
    problems = [{"line": line, "text": f"{FILENAME}:{line}: {problem}"} for line, problem in checked.problems]
    is_valid = not problems and checked.cluster is not None
    valid = f"{FILENAME}: valid: {summary_line(checked.cluster)}" if is_valid and checked.cluster else ""
    return {"problems": problems, "valid": valid, "name": checked.cluster.name if checked.cluster else ""}


def _form_values(form: SpecForm | None) -> dict[str, Any] | None:
    return None if form is None else form.model_dump(mode="json")
