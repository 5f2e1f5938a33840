"""Tables: rows of training or production data in batches, from CSV, Parquet or arrays."""

from __future__ import annotations

from tidewatch.drift.tables.parquet_table import PARQUET_SUFFIXES
from tidewatch.drift.tables.table_batches import Table
from tidewatch.drift.tables.table_sources import ArrayTable, is_parquet, is_table, open_table

__all__ = ["PARQUET_SUFFIXES", "ArrayTable", "Table", "is_parquet", "is_table", "open_table"]
