"""What holds for every test.

No example of a property is timed, for how long one takes says nothing about the code. And AWS's service models are read
once a process: moto begins a new boto3 session with every account, each of which would parse megabytes of JSON again.
"""

from __future__ import annotations

import functools

import botocore.session
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

botocore.session.create_loader = functools.cache(botocore.session.create_loader)
