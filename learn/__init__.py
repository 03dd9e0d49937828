"""What can be learnt: datasets, networks that tell glass from liquid, and how sure they are."""

if not __name__.startswith("vitrify."):
    raise ImportError(f"import vitrify.learn, not {__name__}: the folders of this repository install as one namespace")
