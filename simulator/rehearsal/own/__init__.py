"""A user's own model in the story: a folder is read, every mistake is told before anything starts, the rest is made."""

from simulator.rehearsal.own.folder import read
from simulator.rehearsal.own.material import Own
from simulator.rehearsal.own.refusal import OwnRefused

__all__ = ["Own", "OwnRefused", "read"]
