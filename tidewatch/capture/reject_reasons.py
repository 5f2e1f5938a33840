"""The reasons why a captured record could not be parsed."""

from __future__ import annotations

from enum import StrEnum


class RejectReason(StrEnum):
    """The reason for which a record was rejected, the first that was found."""

    NOT_UTF8 = "not_utf8"
    """The line is not UTF-8."""
    NOT_JSON = "not_json"
    """The line is not JSON."""
    TRUNCATED = "truncated"
    """The file ends within the line, or its gzip stream breaks off there."""
    TOO_LONG = "too_long"
    """The line is longer than line_reader.MAX_LINE_BYTES."""
    TOO_LARGE = "too_large"
    """More values than the limit of one record, or a gzip stream that expands too much."""
    NOT_A_RECORD = "not_a_record"
    """JSON, but without captureData.endpointInput.data."""
    BAD_ENCODING = "bad_encoding"
    """An encoding other than CSV, JSON and BASE64, or invalid base64."""
    UNKNOWN_FORMAT = "unknown_format"
    """A body of an unsupported content type."""
    NUMPY = "numpy_payload"
    """An array in numpy's own format."""
    LIBSVM = "libsvm_payload"
    """Rows of LIBSVM: a label, then index:value pairs."""
    IMAGE = "image_payload"
    """An image, audio or video, or a form with files."""
    CHAT = "chat_payload"
    """Messages or a prompt to a language model."""
    BAD_PAYLOAD = "bad_payload"
    """A request that violates its own format."""
    AMBIGUOUS_PAYLOAD = "ambiguous_payload"
    """A request or an answer that contains its rows twice, under several keys or under one key twice. Nobody can know
    which of them its server reads."""
    EMPTY_PAYLOAD = "empty_payload"
    """A request without rows."""
    MISSING_COLUMNS = "missing_columns"
    """A row with fewer values than the model has features, or with none of their names."""
    EXTRA_COLUMNS = "extra_columns"
    """A row with more values than the model has features and its request has columns."""
    NOT_A_NUMBER = "not_a_number"
    """A value in a numeric column that is no number."""
    NOT_FINITE = "not_finite"
    """Infinity, or a number beyond float64."""
    NO_OUTPUT = "no_output"
    """The answer is blank or empty. An answer that was not captured does not reject the record: its features still
    count."""
    BAD_OUTPUT = "bad_output"
    """An answer that cannot be parsed, or has no number for the score."""
    ERROR_RESPONSE = "error_response"
    """An answer that reports an error and does not contain the score by its name."""
    AMBIGUOUS_SCORE = "ambiguous_score"
    """An answer of several numbers without the score's name. The reference's `--score-output` selects one."""
    ROW_COUNT_MISMATCH = "row_count_mismatch"
    """The answer has a different number of rows from the request."""
    INTERNAL_ERROR = "internal_error"
    """An unexpected error of the parser: a fault of tidewatch, which rejects only this record."""


EXPLANATIONS = {
    RejectReason.NOT_UTF8: (
        "the line is not UTF-8 text; capture files are, so this file is damaged or of another kind"
    ),
    RejectReason.NOT_JSON: "the line is not JSON; a capture file has one whole JSON object per line",
    RejectReason.TRUNCATED: "the file ends within the record; it may still be written, so check it again later",
    RejectReason.TOO_LONG: "the line is over 8 MiB; send fewer rows per request",
    RejectReason.TOO_LARGE: "the record holds over a million values, or its file unpacks to many times its size; "
    "send fewer rows per request",
    RejectReason.NOT_A_RECORD: "the line is JSON without captureData.endpointInput.data: not from an endpoint",
    RejectReason.BAD_ENCODING: "the payload's encoding is not CSV, JSON or BASE64, or its base64 is broken",
    RejectReason.UNKNOWN_FORMAT: "the payload's content type is not supported; send text/csv, application/json, "
    "application/jsonlines or V2 tensors",
    RejectReason.NUMPY: "the payload is a numpy array (application/x-npy), which has no column names and is not "
    "supported; send text/csv or application/json",
    RejectReason.LIBSVM: "the payload is LIBSVM, which is not supported; send text/csv or application/json",
    RejectReason.IMAGE: "the payload is an image, audio, video or a form; drift is measured on rows of numbers and "
    "categories",
    RejectReason.CHAT: "the payload is a prompt or a chat; drift is measured on rows of numbers and categories",
    RejectReason.BAD_PAYLOAD: "the request breaks the rules of its own format",
    RejectReason.AMBIGUOUS_PAYLOAD: (
        "the body has its rows twice, and it is unknown which of them the server reads; send them once"
    ),
    RejectReason.EMPTY_PAYLOAD: "the request holds no rows",
    RejectReason.MISSING_COLUMNS: "a row has fewer values than the model has features, or lacks their names",
    RejectReason.EXTRA_COLUMNS: "a row has more values than the training data had columns",
    RejectReason.NOT_A_NUMBER: (
        "a numeric column holds something else; build the reference with --categorical COLUMN if it holds categories"
    ),
    RejectReason.NOT_FINITE: "a number is infinite, or too large for float64",
    RejectReason.NO_OUTPUT: "the answer is blank or missing",
    RejectReason.BAD_OUTPUT: "the answer cannot be read, or holds no number where the score should be",
    RejectReason.ERROR_RESPONSE: (
        "the answer reports an error and does not hold the score by its name; if it is not an error, name the score "
        "with --score-output"
    ),
    RejectReason.AMBIGUOUS_SCORE: (
        "the answer holds several numbers, and it is unknown which is the score; build the reference with "
        "--score-output: its NAME, its position, or NAME:1 for the second of a list under that name"
    ),
    RejectReason.ROW_COUNT_MISMATCH: "the answer has another number of rows than the request",
    RejectReason.INTERNAL_ERROR: "the reader failed with an unexpected error: a bug in tidewatch; report it",
}
"""The explanation of each reason for people, and what to do."""


class RecordRejected(Exception):
    """A record is rejected, with the reason and, if one caused it, the column."""

    def __init__(self, reason: RejectReason, column: str | None = None) -> None:
        super().__init__(reason, column)
        self.reason = reason
        self.column = column

    def __str__(self) -> str:
        return self.reason.value if self.column is None else f"{self.reason.value} in the column {self.column!r}"
