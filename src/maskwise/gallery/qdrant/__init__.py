"""A gallery on Qdrant (see docs/qdrant.md); needs ``maskwise[qdrant]``, but for ``place``.

place (the URL) · words (errors) · link (the client and its requests) · rows (payloads) · head (the
one point that says what counts, and whose turn it is to write) · schema (collections) · writing
(all or nothing) · people (of whom some is changed) · enrolling, replacing, whole, listing, nearest,
copying and check (what the engine is made of) · engine (the Gallery)
"""
