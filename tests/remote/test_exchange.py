"""A transcript goes out as a table and comes in again, beside what is there."""

import numpy as np
import pytest

from privattack.errors import UserError
from privattack.remote.exchange import export_transcript, import_transcript
from privattack.remote.transcript import Transcript

ONE, OTHER = {"url": "http://one"}, {"url": "http://other", "mean": [0.5]}
QUERIES = [(bytes([number]) * 16, 0) for number in range(3)]
ANSWERS = np.random.default_rng(0).normal(size=(3, 10))


def test_answers_go_out_and_come_in_to_the_last_bit(tmp_path):
    first, second, table = (tmp_path / name for name in ("a.sqlite", "b.sqlite", "answers.parquet"))
    for endpoint in (ONE, OTHER):
        with Transcript(first, endpoint) as transcript:
            transcript.answered(transcript.intend(QUERIES), ANSWERS)
            transcript.intend([(b"x" * 16, 0)])  # in flight: no answer to give away
    assert export_transcript(first, table) == 6
    with Transcript(second, ONE) as transcript:  # it has one of them already, and another in flight
        transcript.answered(transcript.intend(QUERIES[:1]), np.zeros((1, 10)))
        left = transcript.intend(QUERIES[1:2])
    assert import_transcript(table, second) == 4
    assert import_transcript(table, second) == 0
    with Transcript(second, ONE) as transcript:
        known = transcript.answers(QUERIES)
        assert [query in known for query in QUERIES] == [True, False, True]
        assert not known[QUERIES[0]].any()
        assert np.array_equal(known[QUERIES[2]], ANSWERS[2])
        assert [one.key for one in transcript.unanswered(QUERIES)] == [left.key]
    with Transcript(second, OTHER) as transcript:
        assert np.array_equal(np.stack([*transcript.answers(QUERIES).values()]), ANSWERS)


def test_what_is_no_transcript_or_table_is_refused(tmp_path):
    with pytest.raises(UserError, match="there is no such transcript"):
        export_transcript(tmp_path / "a.sqlite", tmp_path / "a.parquet")
    (tmp_path / "a.parquet").write_text("no table")
    with pytest.raises(UserError, match="is no table of answers"):
        import_transcript(tmp_path / "a.parquet", tmp_path / "b.sqlite")
    assert not (tmp_path / "b.sqlite").exists()
