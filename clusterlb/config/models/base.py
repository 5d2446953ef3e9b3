"""What all models of an inventory file share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Port = Annotated[int, Field(ge=1, le=65535)]


def _title(model: type[BaseModel]) -> str:
    return model.__name__.removesuffix("File")


class Strict(BaseModel):
    """No unknown keys, and no value is taken for another type's."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, model_title_generator=_title)
