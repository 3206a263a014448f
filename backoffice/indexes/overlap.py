"""Indexes that another one makes needless: every write pays for both."""

from __future__ import annotations

from collections.abc import Iterable

from backoffice.indexes.found import Found


def duplicates(indexes: Iterable[Found], declared: Iterable[str]) -> dict[str, str]:
    """Name -> the index that is the same: over the same keys of the same rows, as unique.

    Of such a pair one stays: the one behind a constraint, else a declared one, else the first by
    name.
    """
    known = frozenset(declared)
    first: dict[tuple[object, ...], str] = {}
    doubled = {}
    for index in sorted(_whole(indexes), key=lambda index: _rank(index, known)):
        stays = first.setdefault(_sameness(index), index.name)
        if stays != index.name:
            doubled[index.name] = stays
    return doubled


def covered(indexes: Iterable[Found]) -> dict[str, str]:
    """Name -> the longest index that begins with the same keys, over the same rows.

    Who looks for these keys finds them there as well. A unique one is not covered: it also forbids.
    """
    whole = list(_whole(indexes))
    by = {}
    for index in whole:
        if index.unique:
            continue
        longer = [other for other in whole if _covers(other, index)]
        if longer:
            by[index.name] = max(longer, key=lambda other: (len(other.keys), other.name)).name
    return by


def _covers(other: Found, index: Found) -> bool:
    return (
        other.name != index.name
        and other.table == index.table
        and other.method == index.method == "btree"
        and other.condition == index.condition
        and other.keys[: len(index.keys)] == index.keys
        and set(index.included) <= {*other.included, *other.keys}
        # Else the two are the same: see duplicates.
        and (len(other.keys) > len(index.keys) or other.unique or other.included != index.included)
    )


def _whole(indexes: Iterable[Found]) -> Iterable[Found]:
    """Without those that serve nobody yet."""
    return (index for index in indexes if index.valid)


def _sameness(index: Found) -> tuple[object, ...]:
    return index.table, index.method, index.unique, index.keys, index.condition, index.included


def _rank(index: Found, declared: frozenset[str]) -> tuple[bool, bool, str]:
    return not index.behind, index.name not in declared, index.name
