"""The keywords of PostgreSQL 15 (documentation, appendix C), and how names are quoted because of them."""

from __future__ import annotations

import string

__all__ = ["COLUMN_NAME", "RESERVED", "TYPE_OR_FUNCTION", "UNRESERVED", "quote_identifier"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


UNRESERVED = _words(
    """
    abort absolute access action add admin after aggregate also alter always asensitive assertion assignment
    at atomic attach attribute backward before begin breadth by cache call called cascade cascaded catalog
    chain characteristics checkpoint class close cluster columns comment comments commit committed compression
    configuration conflict connection constraints content continue conversion copy cost csv cube current
    cursor cycle data database day deallocate declare defaults deferred definer delete delimiter delimiters
    depends depth detach dictionary disable discard document domain double drop each enable encoding encrypted
    enum escape event exclude excluding exclusive execute explain expression extension external family filter
    finalize first following force forward function functions generated global granted groups handler header
    hold hour identity if immediate immutable implicit import include including increment index indexes
    inherit inherits inline input insensitive insert instead invoker isolation key label language large last
    leakproof level listen load local location lock locked logged mapping match matched materialized maxvalue
    merge method minute minvalue mode month move name names new next nfc nfd nfkc nfkd no normalized nothing
    notify nowait nulls object of off oids old operator option options ordinality others over overriding owned
    owner parallel parameter parser partial partition passing password plans policy preceding prepare prepared
    preserve prior privileges procedural procedure procedures program publication quote range read reassign
    recheck recursive ref referencing refresh reindex relative release rename repeatable replace replica reset
    restart restrict return returns revoke role rollback rollup routine routines rows rule savepoint schema
    schemas scroll search second security sequence sequences serializable server session set sets share show
    simple skip snapshot sql stable standalone start statement statistics stdin stdout storage stored strict
    strip subscription support sysid system tables tablespace temp template temporary text ties transaction
    transform trigger truncate trusted type types uescape unbounded uncommitted unencrypted unknown unlisten
    unlogged until update vacuum valid validate validator value varying version view views volatile whitespace
    within without work wrapper write xml year yes zone
    """
)
"""Names of anything."""

COLUMN_NAME = _words(
    """
    between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping
    inout int integer interval least national nchar none normalize nullif numeric out overlay position
    precision real row setof smallint substring time timestamp treat trim values varchar xmlattributes
    xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
    """
)
"""Not names of functions or types."""

TYPE_OR_FUNCTION = _words(
    """
    authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull join
    left like natural notnull outer overlaps right similar tablesample verbose
    """
)
"""Names of functions and types only."""

RESERVED = _words(
    """
    all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
    current_catalog current_date current_role current_time current_timestamp current_user default deferrable
    desc distinct do else end except false fetch for foreign from grant group having in initially intersect
    into lateral leading limit localtime localtimestamp not null offset on only or order placing primary
    references returning select session_user some symmetric table then to trailing true union unique user
    using variadic when where window with
    """
)
"""No names at all without quotes."""

_QUOTED = COLUMN_NAME | TYPE_OR_FUNCTION | RESERVED
_FIRST = frozenset(string.ascii_lowercase + "_")
_LATER = _FIRST | frozenset(string.digits)


def quote_identifier(name: str) -> str:
    """A name as it can be written in a statement: quoted only where it must be."""
    if name and name[0] in _FIRST and _LATER.issuperset(name) and name not in _QUOTED:
        return name
    return '"' + name.replace('"', '""') + '"'
