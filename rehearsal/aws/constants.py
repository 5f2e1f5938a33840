"""The account and the region of every rehearsal, and the seed of what it draws at random."""

from __future__ import annotations

ACCOUNT = "123456789012"
REGION = "us-east-1"
SEED = 20130101
