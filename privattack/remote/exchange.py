"""Transcripts as Parquet: to be read by other programs, given to others, and asked again offline."""

import json
from pathlib import Path

import numpy as np

from privattack.errors import UserError
from privattack.remote.transcript import Transcript

BATCH = 10_000  # rows


def export_transcript(transcript: Path, table: Path) -> int:
    """Write every answer of a transcript into a table, and return how many there are.

    Columns: `endpoint`, what tells one API from another, as JSON; `digest`, 16 bytes of an image; `repeat`, how often
    the session had asked about it before; `answer`, a list of float64.

    Raises:
        UserError: there is no such transcript.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if not transcript.exists():
        raise UserError(f"{transcript}: there is no such transcript; name the file that victim.transcript named.")
    kinds = {"endpoint": pa.string(), "digest": pa.binary(16), "repeat": pa.int64(), "answer": pa.list_(pa.float64())}
    schema, rows = pa.schema(kinds.items()), 0
    beside = table.with_name(f".{table.name}")
    with parquet.ParquetWriter(beside, schema) as writer:
        for endpoint in Transcript.endpoints(transcript):
            with Transcript(transcript, endpoint) as opened:
                for part in opened.all_answers(BATCH):
                    columns = [[json.dumps(endpoint, sort_keys=True)] * len(part), *zip(*part, strict=True)]
                    writer.write_table(pa.table([*map(list, columns)], schema=schema))
                    rows += len(part)
    beside.replace(table)
    return rows


def import_transcript(table: Path, transcript: Path) -> int:
    """Add the answers of a table to a transcript that may hold others, and return how many were new.

    Raises:
        UserError: the table is none that `export_transcript` wrote.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        rows = parquet.read_table(table, columns=["endpoint", "digest", "repeat", "answer"]).to_pylist()
        answers = {
            (row["endpoint"], (row["digest"], row["repeat"])): np.array(row["answer"], dtype=np.float64) for row in rows
        }
        endpoints = {text: json.loads(text) for text in dict.fromkeys(row["endpoint"] for row in rows)}
    except (OSError, pa.ArrowException, ValueError) as error:
        why = next(iter(str(error).splitlines()), "")
        raise UserError(f"{table}: is no table of answers ({why}); name one that the export wrote.") from error
    new = 0
    for text, endpoint in endpoints.items():
        with Transcript(transcript, endpoint) as opened:
            mine = {query: answer for (owner, query), answer in answers.items() if owner == text}
            known = opened.answers([*mine])
            asked = {query for intent in opened.unanswered([*mine]) for query in intent.queries}
            queries = [query for query in mine if query not in known and query not in asked]
            if queries:
                stacked = np.stack([mine[query] for query in queries])
                opened.answered(opened.intend(queries), stacked)
            new += len(queries)
    return new
