"""What it means: inherent structures, cooling curves, the glass transition, films and their statistics."""

if not __name__.startswith("vitrify."):
    raise ImportError(
        f"import vitrify.analysis, not {__name__}: the folders of this repository install as one namespace"
    )
