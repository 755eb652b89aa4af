"""One constant of a device: what it is worth, and where it comes from."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..errors import BadInput

GRADES = {
    "measured": "on the device itself",
    "fitted": "a model's constant, fitted to measurements of the device",
    "scaled": "calculated from other published numbers; the table says how",
    "inherited": "another device's, because this one's is not published",
    "proxy": "stands in for the device: a circuit simulated before silicon, a typical one of its process, "
    "operations in place of joules",
    "none": "nobody has published it: it has no value, is never priced, and is listed",
}
EVIDENCE = {
    "primary": "read in the source itself",
    "transcription": "read in somebody's copy of it; the source itself was not seen",
}
SI = {
    "pJ": 1e-12, "nJ": 1e-9, "uJ": 1e-6, "mJ": 1e-3, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "W": 1.0, "mW": 1e-3,
    "syn_op": 1.0, "times": 1.0, "cores": 1.0,
}  # fmt: skip

Grade = Literal["measured", "fitted", "scaled", "inherited", "proxy", "none"]
Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Entry(BaseModel):
    """One constant, with where it comes from: a value, an interval, or neither if its grade is "none"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: Positive | None = None
    interval: tuple[Positive, Positive] | None = None
    unit: Literal["pJ", "nJ", "uJ", "mJ", "ns", "us", "ms", "W", "mW", "syn_op", "times", "cores"]
    source: str = Field(min_length=1)
    table: str = Field(min_length=1)
    grade: Grade
    evidence: Literal["primary", "transcription"]
    note: str = ""

    @model_validator(mode="after")
    def _has_what_its_grade_says(self) -> "Entry":
        given = (self.value is not None) + (self.interval is not None)
        if given != (self.grade != "none"):
            raise ValueError("needs a value or an interval; with grade none, neither")
        if self.interval and self.interval[0] > self.interval[1]:
            raise ValueError("the interval ends before it begins")
        return self

    @property
    def known(self) -> bool:
        """Whether it has a value."""
        return self.grade != "none"

    @property
    def low(self) -> float:
        """The smaller end, in joules, seconds, watts, or syn_ops."""
        return self._ends()[0] * SI[self.unit]

    @property
    def high(self) -> float:
        """The larger end."""
        return self._ends()[1] * SI[self.unit]

    def _ends(self) -> tuple[float, float]:
        if self.interval:
            return self.interval
        if self.value is None:
            raise BadInput(f"{self.source}, {self.table}: nobody has published this ({self.note})")
        return self.value, self.value

    def to_text(self) -> str:
        """Print value, unit, grade and source.

        >>> Entry(value=3, unit="pJ", source="A", table="T 1", grade="fitted", evidence="primary").to_text()
        '3 pJ  fitted (primary)  A, T 1'
        """
        ends = [f"{end:g}" for end in ((self.interval or (self.value,)) if self.known else ())]
        value = f"{' to '.join(ends)} {self.unit}" if ends else "not published"
        note = f"; {self.note}" if self.note else ""
        return f"{value}  {self.grade} ({self.evidence})  {self.source}, {self.table}{note}"
