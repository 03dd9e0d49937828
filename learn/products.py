"""The old name of :mod:`vitrify.md.store.product`."""

from vitrify.md.store.product import DONE, check_sums, require_free, seal, sha256, whole_directory

__all__ = ["DONE", "check_sums", "require_free", "seal", "sha256", "whole_directory"]
