"""The account, the region and the random seed of every rehearsal."""

from __future__ import annotations

ACCOUNT = "123456789012"
REGION = "us-east-1"
SEED = 20130101
