"""Nothing that was answered is asked again, and what was in flight is known."""

import sqlite3

import numpy as np
import pytest

from privattack.errors import UserError
from privattack.remote.transcript import Transcript

ENDPOINT = {"url": "http://a", "model": "m"}
QUERIES = [(b"a" * 16, 0), (b"b" * 16, 0), (b"a" * 16, 1)]


def test_answers_are_there_again_for_the_same_endpoint_and_for_no_other(tmp_path):
    answers = np.random.default_rng(0).normal(size=(3, 10))
    with Transcript(tmp_path / "a.sqlite", ENDPOINT) as transcript:
        transcript.answered(transcript.intend(QUERIES), answers)
    with Transcript(tmp_path / "a.sqlite", ENDPOINT) as transcript:
        known = transcript.answers([*QUERIES, (b"b" * 16, 1)])
        assert np.array_equal(np.stack([known[query] for query in QUERIES]), answers)
        assert len(known) == 3
        assert transcript.unanswered(QUERIES) == []
    with Transcript(tmp_path / "a.sqlite", ENDPOINT | {"version": "2"}) as transcript:
        assert transcript.answers(QUERIES) == {}


def test_what_was_sent_and_not_answered_is_left_as_an_intent(tmp_path):
    with Transcript(tmp_path / "a.sqlite", ENDPOINT) as transcript:
        intent = transcript.intend(QUERIES[1::-1])
    with Transcript(tmp_path / "a.sqlite", ENDPOINT) as transcript:
        (left,) = transcript.unanswered(QUERIES)
        # In their order: a server answers a repeated request only where its bytes are the same.
        assert (left.key, left.queries) == (intent.key, [*intent.queries])
        assert transcript.answers(QUERIES) == {}
        with pytest.raises(sqlite3.IntegrityError):  # it cannot be sent as if it were new
            transcript.intend(QUERIES)
        transcript.forget(left)
        assert transcript.unanswered(QUERIES) == []


def test_answers_of_another_number_are_not_half_written(tmp_path):
    with Transcript(tmp_path / "a.sqlite", ENDPOINT) as transcript:
        with pytest.raises(ValueError, match="shorter"):
            transcript.answered(transcript.intend(QUERIES), np.zeros((2, 10)))
        assert transcript.answers(QUERIES) == {}


def test_a_file_that_is_no_transcript_is_refused(tmp_path):
    (tmp_path / "a").write_text("no database, and long enough to be seen as none" * 10)
    with pytest.raises(UserError, match=r"^victim\.transcript=.*: cannot be opened \(file is not a database\)"):
        Transcript(tmp_path / "a", ENDPOINT)
