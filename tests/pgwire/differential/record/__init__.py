"""Captures what real clients send: ``python -m tests.pgwire.differential.record CLIENT...``.

A proxy stands between the client and a PostgreSQL 15 with a new cluster, and writes a source of the corpus.
"""
