"""Copies of the ledger in a bucket where nothing is overwritten: by them a chain that was made anew is found.

One object an entry, put on condition that there is none. The control table keeps how far the copies go, and the hash of
the last one copied: so a sweep sees that the ledger is still the one that was copied, without reading the bucket.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from tidewatch.items import error_code
from tidewatch.traffic.chain import Chain
from tidewatch.traffic.control import Control
from tidewatch.traffic.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "ledger/"
MOST_AT_ONCE = 50
"""Entries that one sweep copies of each chain: what is more is for the next."""
_THERE = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_ABSENT = frozenset({"NoSuchKey", "404"})


@dataclass(frozen=True)
class Copies:
    """The copies of one stack's ledger, in a bucket."""

    s3: S3Client
    bucket: str

    def keep(self, ledger: Ledger, control: Control) -> None:
        """Copies what was added since, as far as it was read, and writes down how far that goes.

        Of a chain that is not the one that was copied nothing more is: what is written down of it is what shows that.
        The table is asked, as what was read of a chain may be older than its forgery.
        """
        for chain in ledger.chains:
            begun, digest = _copied(control, chain.key)
            added = (number for number in range(begun + 1, chain.last + 1) if number in chain.texts)
            numbers = tuple(islice(added, MOST_AT_ONCE))
            if not numbers or (begun and chain.stored(begun) != digest):
                continue
            for number in numbers:
                self._put(chain, number)
            control.put(_mark(chain.key), {"number": numbers[-1], "digest": chain.digest(numbers[-1])})

    def differing(self, ledger: Ledger) -> Iterator[str]:
        """The entries that are not what was copied of them, or are not there any more: key and number. Reads all."""
        for chain in ledger.chains:
            for number in range(1, chain.last + 1):
                text = self._get(chain, number)
                if text is not None and text != chain.texts.get(number):
                    yield f"{chain.key} {number}"
            if self._get(chain, chain.last + 1) is not None:
                yield f"{chain.key} {chain.last + 1}"

    def _put(self, chain: Chain, number: int) -> None:
        try:
            self.s3.put_object(
                Bucket=self.bucket,
                Key=copy_key(chain.key, number),
                Body=chain.texts[number].encode(),
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except Exception as error:
            if error_code(error) not in _THERE:
                raise

    def _get(self, chain: Chain, number: int) -> str | None:
        try:
            return self.s3.get_object(Bucket=self.bucket, Key=copy_key(chain.key, number))["Body"].read().decode()
        except Exception as error:
            if error_code(error) in _ABSENT:
                return None
            raise


def torn(ledger: Ledger, control: Control) -> tuple[str, ...]:
    """Where the ledger, as far as it was read, is not what was written: broken links, and what was copied otherwise."""
    return (*ledger.broken, *filter(None, (_replaced(chain, control) for chain in ledger.chains)))


def _replaced(chain: Chain, control: Control) -> str:
    number, digest = _copied(control, chain.key)
    return "" if chain.digest(number) == digest else f"{chain.key} up to {number}"


def copied(control: Control, key: str) -> int:
    """How far the copies of a partition of the ledger go."""
    return _copied(control, key)[0]


def _copied(control: Control, key: str) -> tuple[int, object]:
    """How far the copies go, and the hash of the last; 0 and "" where nothing is copied yet."""
    kept = control.get(_mark(key)) or {}
    number = kept.get("number")
    return (number if isinstance(number, int) and number > 0 else 0), kept.get("digest", "")


def _mark(key: str) -> str:
    return f"copied#{key}"


def copy_key(key: str, number: int) -> str:
    """The object that an entry is copied to."""
    return f"{PREFIX}{key.replace('#', '/')}/{number:09}.json"
