"""A user's own model in the story: a folder is read, every mistake is told before anything starts, the rest is made."""

from rehearsal.demo.user_model.errors import InvalidUserFolder
from rehearsal.demo.user_model.folder import read_user_folder
from rehearsal.demo.user_model.workload import UserWorkload

__all__ = ["InvalidUserFolder", "UserWorkload", "read_user_folder"]
