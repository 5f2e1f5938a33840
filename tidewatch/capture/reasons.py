"""Why a captured record could not be read."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The one reason a record was rejected for; the first that was found."""

    NOT_UTF8 = "not_utf8"
    """The line is not UTF-8."""
    NOT_JSON = "not_json"
    """The line is not JSON."""
    TRUNCATED = "truncated"
    """The file ends within the line, or its gzip stream breaks off there."""
    TOO_LONG = "too_long"
    """The line is longer than lines.LONGEST."""
    TOO_LARGE = "too_large"
    """More values than are read of one record (limits), or a gzip stream that unpacks to a multiple of itself."""
    NOT_A_RECORD = "not_a_record"
    """JSON, but without captureData.endpointInput.data."""
    BAD_ENCODING = "bad_encoding"
    """An encoding other than CSV, JSON and BASE64, or base64 that is none."""
    UNKNOWN_FORMAT = "unknown_format"
    """A body of a content type that is not read."""
    BAD_PAYLOAD = "bad_payload"
    """A request that its own format does not allow."""
    AMBIGUOUS = "ambiguous"
    """A request or an answer that says its rows twice, under several keys or under one key twice: which of them its
    server reads, nobody can tell."""
    EMPTY_PAYLOAD = "empty_payload"
    """A request without rows."""
    MISSING_COLUMNS = "missing_columns"
    """A row with fewer values than the model has features, or with none of their names."""
    EXTRA_COLUMNS = "extra_columns"
    """A row with more values than the model has features and its request has columns."""
    NOT_A_NUMBER = "not_a_number"
    """Something else in a numeric column."""
    NOT_FINITE = "not_finite"
    """Infinity, or a number beyond float64."""
    NO_OUTPUT = "no_output"
    """The answer was not captured, or is blank."""
    BAD_OUTPUT = "bad_output"
    """An answer that cannot be read, or has no number where the score should be."""
    ERROR_ANSWER = "error_answer"
    """An answer that says what went wrong, and does not hold the score by its name."""
    WHICH_SCORE = "which_score"
    """An answer of several numbers, none of them by the score's name: `--score-output` of the reference tells which."""
    ROWS_DIFFER = "rows_differ"
    """The answer has another number of rows than the request."""
    READER_FAILED = "reader_failed"
    """The reader met with an error that it does not know: a fault of tidewatch, which costs this record alone."""


class Unreadable(Exception):
    """A record that is rejected: for which reason, and by which column where it was one."""

    def __init__(self, reason: Reason, column: str | None = None) -> None:
        super().__init__(reason, column)
        self.reason = reason
        self.column = column

    def __str__(self) -> str:
        return self.reason.value if self.column is None else f"{self.reason.value} in the column {self.column!r}"
