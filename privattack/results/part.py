"""What every part of a result is, and how figures stand in it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer

from privattack.measurement import Measurement

Figure = Annotated[Measurement, PlainSerializer(Measurement.to_json)]


class Part(BaseModel):
    """A part of a result. Parts that this version does not know are passed over; those it knows have their type."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False, ser_json_inf_nan="strings")

    def __eq__(self, other: object) -> bool:
        """Say whether both would be written alike; what is not written does not count."""
        return isinstance(other, Part) and type(self) is type(other) and self.model_dump() == other.model_dump()
