"""Random streams: one number for each purpose, and none that moves."""

from __future__ import annotations

from geomsup.training.streams import Stream, stream_seed


def test_the_streams_differ() -> None:
    seeds = [stream_seed(0, purpose).generate_state(1)[0] for purpose in Stream]
    assert len(set(seeds)) == len(Stream.__members__)


def test_numbers_are_those_of_the_results_that_were_published() -> None:
    assert [int(purpose) for purpose in Stream] == [0, 1, 2, 3, 4, 16, 17, 18, 19, 32, 33, 64]
    # numpy promises SeedSequence for good.
    assert stream_seed(7, Stream.SAMPLES, 3).spawn_key == (1, 3)
