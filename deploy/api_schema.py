"""The OpenAPI description, drawn once per process and language: it takes seconds and changes with a release only."""

from copy import deepcopy
from typing import Any, ClassVar

from django.utils.translation import get_language
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView


class Drawn(SchemaGenerator):
    """Public descriptions are the same for everybody; callers get copies."""

    kept: ClassVar[dict[str, Any]] = {}

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        if not public:
            return super().get_schema(request, public)
        language = get_language() or ""
        if language not in self.kept:
            self.kept[language] = super().get_schema(None, public)
        return deepcopy(self.kept[language])


class Schema(SpectacularAPIView):
    generator_class = Drawn
    permission_classes = ()
