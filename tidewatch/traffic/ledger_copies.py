"""Copies of the ledger in a bucket whose objects nobody can overwrite. They reveal a chain that was rebuilt.

Each entry is one object, written only if it does not exist. The control table keeps the number and hash of the last
copied entry, so a sweep detects a replaced ledger without reading the bucket.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from tidewatch.aws.errors import get_error_code
from tidewatch.traffic.control_table import ControlTable
from tidewatch.traffic.hash_chain import HashChain
from tidewatch.traffic.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LEDGER_PREFIX = "ledger/"
MAX_ENTRIES_PER_SWEEP = 50
"""How many entries of each chain one sweep copies. The next sweep copies the rest."""
_EXISTS_CODES = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_NOT_FOUND_CODES = frozenset({"NoSuchKey", "404"})


@dataclass(frozen=True)
class LedgerCopies:
    """The copies of one stack's ledger, in a bucket."""

    s3: S3Client
    bucket: str

    def copy_new_entries(self, ledger: Ledger, control: ControlTable) -> None:
        """Copies the cached entries that are new, and records how far the copies go.

        If the stored chain differs from the record of its copies, nothing more of it is copied, so that the record
        keeps showing it. The digest is read from the table, because the cached chain may be older than the forgery.
        """
        for chain in ledger.chains:
            copied_up_to, digest = _read_progress(control, chain.key)
            added = (
                number for number in range(copied_up_to + 1, chain.last_number + 1) if number in chain.canonical_texts
            )
            numbers = tuple(islice(added, MAX_ENTRIES_PER_SWEEP))
            if not numbers or (copied_up_to and chain.read_stored_digest(copied_up_to) != digest):
                continue
            for number in numbers:
                self._put(chain, number)
            control.put(
                _build_progress_key(chain.key), {"number": numbers[-1], "digest": chain.get_digest(numbers[-1])}
            )

    def find_differences(self, ledger: Ledger) -> Iterator[str]:
        """Yields key and number of the entries that differ from their copies or are gone. Reads all copies."""
        for chain in ledger.chains:
            for number in range(1, chain.last_number + 1):
                text = self._get(chain, number)
                if text is not None and text != chain.canonical_texts.get(number):
                    yield f"{chain.key} {number}"
            if self._get(chain, chain.last_number + 1) is not None:
                yield f"{chain.key} {chain.last_number + 1}"

    def _put(self, chain: HashChain, number: int) -> None:
        try:
            self.s3.put_object(
                Bucket=self.bucket,
                Key=build_object_key(chain.key, number),
                Body=chain.canonical_texts[number].encode(),
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except Exception as error:
            if get_error_code(error) not in _EXISTS_CODES:
                raise

    def _get(self, chain: HashChain, number: int) -> str | None:
        try:
            return (
                self.s3.get_object(Bucket=self.bucket, Key=build_object_key(chain.key, number))["Body"].read().decode()
            )
        except Exception as error:
            if get_error_code(error) in _NOT_FOUND_CODES:
                return None
            raise


def find_tampering(ledger: Ledger, control: ControlTable) -> tuple[str, ...]:
    """Returns where the cached ledger was changed: broken links, and chains that differ from their copies' record."""
    return (*ledger.broken_links, *filter(None, (_find_replaced_range(chain, control) for chain in ledger.chains)))


def _find_replaced_range(chain: HashChain, control: ControlTable) -> str:
    number, digest = _read_progress(control, chain.key)
    return "" if chain.get_digest(number) == digest else f"{chain.key} up to {number}"


def read_copied_up_to(control: ControlTable, key: str) -> int:
    """Returns the number of the last copied entry of a partition."""
    return _read_progress(control, key)[0]


def _read_progress(control: ControlTable, key: str) -> tuple[int, object]:
    """Returns the number and the hash of the last copied entry, or 0 and "" if nothing is copied yet."""
    progress = control.get(_build_progress_key(key)) or {}
    number = progress.get("number")
    return (number if isinstance(number, int) and number > 0 else 0), progress.get("digest", "")


def _build_progress_key(key: str) -> str:
    return f"ledger-copy#{key}"


def build_object_key(key: str, number: int) -> str:
    """Returns the key of the object that an entry is copied to."""
    return f"{LEDGER_PREFIX}{key.replace('#', '/')}/{number:09}.json"
