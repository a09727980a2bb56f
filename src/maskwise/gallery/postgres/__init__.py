"""A gallery on PostgreSQL with pgvector (see docs/postgresql.md); needs ``maskwise[postgres]``.

place (the URL) · link (connection and transactions) · words (errors) · schema (migrations) ·
indexes (HNSW) · halves (binary16) · enrolling, replacing, listing, loading, nearest, wiping,
copying and check (what the engine is made of) · engine (the Gallery)
"""

from maskwise.gallery.postgres.engine import PostgresGallery

__all__ = ["PostgresGallery"]
