"""How it is reproduced: the command line, the demo, campaigns and benchmarks."""

if not __name__.startswith("vitrify."):
    raise ImportError(
        f"import vitrify.pipelines, not {__name__}: the folders of this repository install as one namespace"
    )
