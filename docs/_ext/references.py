"""What Sphinx and Napoleon do not find out about this code by themselves."""

from __future__ import annotations

from typing import Any

from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.environment import BuildEnvironment

ONE_SENTENCE = ("attribute", "data", "property")


def setup(app: Sphinx) -> dict[str, Any]:
    """Listen to what is read and to what is not found."""
    as_written: dict[str, list[str]] = {}

    def keep(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
        if what in ONE_SENTENCE:
            as_written[name] = list(lines)

    def restore(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
        if what in ONE_SENTENCE:
            lines[:] = as_written.pop(name)

    # Napoleon, at priority 500, takes what stands before the colon of such a sentence for a type.
    app.connect("autodoc-process-docstring", keep, priority=400)
    app.connect("autodoc-process-docstring", restore, priority=600)
    app.connect("missing-reference", by_last_name)
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def by_last_name(app: Sphinx, env: BuildEnvironment, wanted: pending_xref, content: Element) -> Element | None:
    """A type that a module imports for type checkers only: its name, if one object of this package has it.

    Others' types have no pages here, and get no links. Of "Returns:" Napoleon takes for a type whatever stands before a
    colon, "(3, K)" or some words: no link, no warning either.
    """
    target = wanted.get("reftarget", "")
    ours = target.isidentifier() or target.startswith("vitrify.")
    written_as_a_role = "refwarn" in wanted
    if wanted.get("refdomain") != "py":
        return None
    domain = env.domains.python_domain
    found = [name for name in domain.objects if ours and name.rpartition(".")[2] == target.rpartition(".")[2]]
    kinds = [name for name in found if domain.objects[name].objtype in ("class", "exception", "data")]
    if len(kinds) == 1:
        return domain.resolve_xref(env, wanted["refdoc"], app.builder, "obj", kinds[0], wanted, content)
    return None if ours and (written_as_a_role or target.startswith("vitrify.")) else content
