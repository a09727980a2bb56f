"""Galleries whose templates and kept faces are encrypted at rest (docs/encryption.md, ADR 23).

``envelope`` is the cryptography alone, ``keys`` what the owner holds, ``vault`` what a connection
does with both, ``data_keys`` the tables, ``care`` what is done to a whole gallery.
"""
