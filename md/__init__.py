"""What was simulated: the model, the ensemble of replicas, the protocols and the engines that run them."""

if not __name__.startswith("vitrify."):
    raise ImportError(f"import vitrify.md, not {__name__}: the folders of this repository install as one namespace")
