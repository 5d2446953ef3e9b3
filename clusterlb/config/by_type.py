"""A mapping whose model depends on one of its keys, such as ``type``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union

from pydantic import BaseModel, Field, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, core_schema


@dataclass(frozen=True, eq=False)
class ByType:
    """Marks a field that one of ``models`` validates; without the key ``key`` it is ``default``.

    pydantic's own unions add the choice to an error's path, where no file has it. So the union is only in the
    schema, and the choice is made here.
    """

    models: Mapping[str, type[BaseModel]]
    default: str
    key: str = "type"

    def model(self, kind: object) -> type[BaseModel] | None:
        """Return the model of a type; None for an unknown type."""
        return self.models.get(kind) if isinstance(kind, str) else None

    def __get_pydantic_core_schema__(self, _source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        union: Any = Union[tuple(self.models.values())]  # noqa: UP007 - there is no operator for a tuple
        described = handler.generate_schema(Annotated[union, Field(discriminator=self.key)])
        return core_schema.no_info_wrap_validator_function(self._validate, described)

    def _validate(self, value: Any, _handler: Callable[[Any], Any]) -> BaseModel:
        kind = value.get(self.key, self.default) if isinstance(value, dict) else self.default
        model = self.model(kind)
        if model is None:
            raise ValidationError.from_exception_data(
                self.key,
                [
                    InitErrorDetails(
                        type="literal_error",
                        loc=(self.key,),
                        input=kind,
                        ctx={"expected": ", ".join(map(repr, self.models))},
                    )
                ],
            )
        return model.model_validate(value)
