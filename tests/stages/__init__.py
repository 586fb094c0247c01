"""The stages of `make check`, in the order in which they begin: a module each for what they are about."""
from . import builds, processes, postgres, pure, sanitize  # noqa: F401, I001
from .core import CHECK, ROOT, STAGES, Count, Log, StageDied, StageSkipped, end_gently  # noqa: F401
