"""What type checkers have to know of layers whose arguments are fields.

They make up an ``__init__`` of the annotated attributes, as they do for dataclasses.
The keywords that every layer takes besides (`seqir.layer.fields.BASE_KEYWORDS`) are
declared here for them; nothing of it exists when a program runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, dataclass_transform

from seqir.fields import fixed, keyword, placed

if TYPE_CHECKING:

    def given(*, default: Any, alias: str) -> Any:
        """An argument of another name than its attribute."""

    @dataclass_transform(
        kw_only_default=False, field_specifiers=(fixed, keyword, placed, given)
    )
    class _Fields: ...

    class Keywords(_Fields):
        """The keywords of every layer."""

        name: Any = keyword(default=None)
        trainable: Any = keyword(default=None)
        dtype: Any = keyword(default=None)
        activity_regularizer: Any = keyword(default=None)
        autocast: Any = keyword(default=None)
        input_shape: Any = keyword(default=None)
        batch_input_shape: Any = keyword(default=None)
        batch_shape: Any = keyword(default=None)
        batch_size: Any = keyword(default=None)
        input_dim: Any = keyword(default=None)
        input_dtype: Any = keyword(default=None)

else:

    class Keywords:
        """The keywords of every layer, for type checkers."""
