"""Numbers as people read them, each with the place in the document that it shows."""

from collections.abc import Callable
from html import escape
from typing import Any

SI = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"))


def number(document: dict, at: str, form: str) -> Any:
    """Return one number as HTML: its text, the value itself, and its place as a JSON pointer.

    >>> print(number({"a": [0.5]}, "/a/0", "percent"))
    <data value="0.5" data-at="/a/0">50.0 %</data>
    """
    value = look_up(document, at)
    return _data(at, value, FORMS[form](value))


def interval(document: dict, at: str, form: str) -> Any:
    """Return the two ends of an interval as HTML; one end where it is all that is known, or both are equal.

    >>> print(interval({"a": [1e-6, 2e-6]}, "/a", "joules"))
    <data value="1e-06" data-at="/a/0">1</data> to <data value="2e-06" data-at="/a/1">2 µJ</data>
    >>> print(interval({"a": [None, 2e-6]}, "/a", "joules"))
    at most <data value="2e-06" data-at="/a/1">2 µJ</data>
    """
    ends = [(f"{at}/{end}", value) for end, value in enumerate(look_up(document, at)) if value is not None]
    if not ends:
        return "not bounded"
    texts = [FORMS[form](value) for _, value in ends]
    if len(ends) == 1:
        bound = "at most " if ends[0][0].endswith("/1") else "at least "
        return _markup(bound) + _data(*ends[0], texts[0])
    if ends[0][1] == ends[1][1]:
        return _data(*ends[0], texts[0])
    texts[0] = _without_unit(*texts)
    return _markup(" to ").join(_data(*end, text) for end, text in zip(ends, texts, strict=True))


def look_up(document: Any, at: str) -> Any:
    """Follow a JSON pointer, for names without "/"."""
    for key in at.strip("/").split("/"):
        document = document[int(key)] if isinstance(document, list | tuple) else document[key]
    return document


def found(document: Any, at: str) -> bool:
    """Whether there is something at a place.

    >>> found({"a": None}, "/a/mean"), found({"a": [1]}, "/a/0")
    (False, True)
    """
    try:
        return look_up(document, at) is not None
    except (KeyError, IndexError, TypeError):
        return False


def joules(value: float) -> str:
    """Print an energy with the unit that suits it.

    >>> joules(8.1129e-6), joules(0)
    ('8.11 µJ', '0 J')
    """
    return _with_unit(value, "J")


def seconds(value: float) -> str:
    """Print a time with the unit that suits it.

    >>> seconds(0.01)
    '10 ms'
    """
    return _with_unit(value, "s")


def percent(share: float) -> str:
    """Print a share.

    >>> percent(0.982)
    '98.2 %'
    """
    return f"{100 * share:.1f} %"


def count(value: float) -> str:
    """Print a count, or the mean of one.

    >>> count(252355.694)
    '252,356'
    """
    return f"{value:,.0f}"


def short(value: float) -> str:
    """Print four digits.

    >>> short(3604.4153)
    '3604'
    """
    return f"{value:.4g}"


FORMS: dict[str, Callable[[float], str]] = {
    form.__name__: form for form in (joules, seconds, percent, count, short)
}


def _with_unit(value: float, unit: str) -> str:
    if not value:
        return f"0 {unit}"
    factor, prefix = next((s for s in SI if abs(value) >= 0.9995 * s[0]), SI[-1])
    return f"{value / factor:.3g} {prefix}{unit}"


def _without_unit(low: str, high: str) -> str:
    """Return the lower end without the unit that the upper end says too."""
    unit = high.partition(" ")[2]
    return low.removesuffix(f" {unit}") if unit else low


def _data(at: str, value: float, text: str) -> Any:
    return _markup(f'<data value="{value!r}" data-at="{escape(at)}">{text}</data>')


def _markup(html: str) -> Any:
    from markupsafe import Markup

    return Markup(html)
