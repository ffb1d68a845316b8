"""What every part of a result is, and how figures stand in it."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, field_validator

from privattack.measurement import Measurement

LARGEST = 2**63 - 1  # of a whole number that arrays hold

Figure = Annotated[Measurement, PlainSerializer(Measurement.to_json)]


class Part(BaseModel):
    """A part of a result. Parts that this version does not know are passed over; those it knows have their type."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False, ser_json_inf_nan="strings")

    @field_validator("*")
    @classmethod
    def _fits(cls, value: Any) -> Any:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int) and abs(one) > LARGEST:
                raise ValueError("is too large a number")
        return value

    def __eq__(self, other: object) -> bool:
        """Say whether both would be written alike; what is not written does not count."""
        return isinstance(other, Part) and type(self) is type(other) and self.model_dump() == other.model_dump()
