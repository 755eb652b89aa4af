"""Files with bytes flipped and ends cut off, for every reader of files."""

from functools import lru_cache

from hypothesis import example, given, settings
from hypothesis import strategies as st

# always the same ones: HDF5 has more ways to hang than are known here
DRAWN = settings(max_examples=200, derandomize=True)
FLIPS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from([0, 1, 255]) | st.integers(0, 255))
)


def drawn_damage(test):
    """Call a test with `flips` and `kept` for `damaged`; also with a file that is whole."""
    return DRAWN(given(flips=FLIPS, kept=st.just(1.0) | st.floats(0, 1))(example(flips=[], kept=1.0)(test)))


def damaged(content: bytes, flips: list[tuple[float, int]], kept: float) -> bytes:
    """Return the content with some bytes set, where there are any, and only a share of it kept."""
    live, changed = _live(content), bytearray(content)
    for place, value in flips:
        changed[live[int(place * len(live))]] = value
    return bytes(changed[: int(kept * len(changed))])


@lru_cache(maxsize=1)
def _live(content: bytes) -> list[int]:
    return [i for i in range(len(content)) if any(content[max(0, i - 8) : i + 8])]
