"""Stand-ins for Qdrant's client, over its local mode: for the tests of the gallery on Qdrant."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from qdrant_client import QdrantClient, models


class Through:
    """The client, with something in between; ``meet`` is told every request before it is made."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def meet(self, name: str, make: Callable[[], Any]) -> Any:
        """name: of the client's method; make: makes the request, and gives the answer."""
        return make()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def request(*args: Any, **kwargs: Any) -> Any:
            return self.meet(name, lambda: method(*args, **kwargs))

        return request


class Server:
    """The client, asked as a server is; refuses what would not be safe on a cluster.

    made: what each collection was made with. indexed: the fields of each that have an index.
    """

    def __init__(self, client: QdrantClient, version: str = "1.17.0") -> None:
        self._client = client
        self._version = version
        self.made: dict[str, dict[str, Any]] = {}
        self.indexed: dict[str, set[str]] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def request(*args: Any, **kwargs: Any) -> Any:
            if name in ("upsert", "set_payload", "delete", "delete_payload"):
                assert (kwargs["wait"], kwargs["ordering"]) == (True, models.WriteOrdering.STRONG)
            if name in ("retrieve", "scroll", "query_batch_points"):
                assert kwargs["consistency"] == models.ReadConsistencyType.MAJORITY
            return method(*args, **kwargs)

        return request

    def info(self) -> Any:
        """The server's version."""
        return SimpleNamespace(version=self._version)

    def create_collection(self, name: str, **kwargs: Any) -> None:
        """Make it, and note how."""
        self.made[name] = kwargs
        self._client.create_collection(name, vectors_config=kwargs["vectors_config"])

    def create_payload_index(self, name: str, **kwargs: Any) -> None:
        """Note it: local mode has none."""
        self.indexed.setdefault(name, set()).add(kwargs["field_name"])

    def query_batch_points(
        self, name: str, requests: list[models.QueryRequest], **kwargs: Any
    ) -> Any:
        """Search; local mode warns about how."""
        assert kwargs["consistency"] == models.ReadConsistencyType.MAJORITY
        for request in requests:
            assert request.params is not None
            assert request.params.quantization is not None
            assert request.params.quantization.rescore
            request.params = None
        return self._client.query_batch_points(name, requests=requests)
