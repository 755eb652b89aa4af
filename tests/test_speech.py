"""The embedded speech: the same every time, of different voices, and neither trivial nor hopeless."""

import time
from collections import Counter

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lavalier.train.speech import generate, speech_clips


@pytest.fixture(scope="module")
def clips():
    return speech_clips(1500, 0, "train"), speech_clips(400, 0, "test")


def test_the_same_arguments_give_the_same_clips():
    first, second = generate(12, 3, "test"), generate(12, 3, "test")
    assert [label for _, label in first] == [label for _, label in second]
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, second, strict=True))


@pytest.mark.parametrize("other", [(12, 4, "test"), (12, 3, "train")], ids=["seed", "split"])
def test_another_seed_or_split_gives_other_clips(other):
    ours, theirs = generate(12, 3, "test"), generate(12, *other[1:])
    assert not any(np.array_equal(a, b) for (a, _), (b, _) in zip(ours, theirs, strict=True))


def test_clips_are_sound():
    for samples, _ in generate(60, 0, "train"):
        assert samples.dtype == np.float32 and samples.ndim == 1
        assert 0.1 * 8000 < len(samples) < 1.3 * 8000
        assert np.isfinite(samples).all() and 0.01 < np.abs(samples).max() <= 1


def test_levels_differ_by_more_than_twenty_decibels():
    peaks = [np.abs(samples).max() for samples, _ in generate(60, 0, "train")]
    assert max(peaks) > 10 * min(peaks)


def test_digits_are_balanced_and_mixed():
    labels = [label for _, label in generate(100, 0, "train")]
    assert Counter(labels) == dict.fromkeys(range(10), 10)
    assert labels != sorted(labels)


def test_two_thousand_clips_take_less_than_thirty_seconds():
    start = time.process_time()
    generate(200, 0, "train")
    assert time.process_time() - start < 3


@pytest.mark.parametrize("averaged", ["all steps", "steps with sound"])
def test_averaged_features_are_not_enough(clips, averaged):
    def features(events):
        if averaged == "all steps":
            return events.mean(axis=1)
        return np.array([clip[clip.any(axis=1)].mean(axis=0) for clip in events])

    train, test = clips
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    linear.fit(features(train.events), train.labels)
    score = linear.score(features(test.events), test.labels)
    assert 0.5 < score < 0.90


def test_clips_say_that_they_are_padded(clips):
    train, _ = clips
    assert train.events.shape == (1500, 100, 40) and train.events.dtype == np.uint8
    assert train.labels.dtype == np.int64 and len(train.names) == len(set(train.names)) == 1500
    assert any("padded with silence" in note for note in train.notes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, 0, "valid"), "split is 'valid'; it must be one of train, test"),
        ((0, 0, "test"), "n = 0.*at least 1"),
        ((5, -1, "test"), "seed = -1.*at least 0"),
    ],
)
def test_refusals_say_what_and_why(arguments, message):
    with pytest.raises(ValueError, match=message):
        generate(*arguments)
