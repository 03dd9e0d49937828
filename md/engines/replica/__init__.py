"""The default engine: many replicas at once, one program for a CPU thread and a GPU block."""

from vitrify.md.engines.replica.engine import ReplicaEngine

__all__ = ["ReplicaEngine"]
