"""A user's own model in the demo: reads and checks a folder before anything starts, and creates the missing files."""

from rehearsal.demo.user_model.errors import InvalidUserFolder
from rehearsal.demo.user_model.folder import read_user_folder
from rehearsal.demo.user_model.workload import UserWorkload

__all__ = ["InvalidUserFolder", "UserWorkload", "read_user_folder"]
