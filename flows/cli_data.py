"""`iin verify` and `iin gc`: is what lies in the root whole, and is it still wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows import console
from flows.exit_codes import DAMAGED
from flows.options import Json, RootUrl
from flows.settings import resolve

if TYPE_CHECKING:
    from upath import UPath

    from tasks.output import Root

KEY_LENGTH = 64


def verify(root: RootUrl = None, as_json: Json = False) -> int:
    """Compare the checksums of all sealed outputs.

    Ends with 5 if one is damaged.
    """
    from tasks.output import open_root
    from tasks.retention import verify as verified

    opened = open_root(resolve(root=root).root, create=False)
    whole, damaged = 0, []
    for _, damage in verified(opened):
        if damage is None:
            whole += 1
        else:
            damaged.append(damage)
    if as_json:
        console.show_json({"root": opened.url, "whole": whole, "damaged": [vars(error) for error in damaged]})
    else:
        for error in damaged:
            console.fail(error)
        console.say(f"{whole} sealed outputs are whole, {len(damaged)} are damaged")
    return DAMAGED if damaged else 0


def gc(
    root: RootUrl = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete what the preview lists.")] = False,
    as_json: Json = False,
) -> None:
    """List what no study refers to; --delete removes it.

    Also attempts that were never sealed and half-written files.
    """
    from tasks.output import open_root
    from tasks.retention import remove, unwanted

    opened = open_root(resolve(root=root).root, create=False)
    found = unwanted(opened)
    if as_json:
        console.show_json(
            {
                "root": opened.url,
                "deleted": delete,
                "unwanted": [
                    {"path": str(entry.path), "bytes": entry.bytes, "why": entry.why} for entry in found
                ],
            }
        )
    elif found:
        console.show_table(
            ["what", "size", "why"],
            [(_short(entry.path, opened), console.size(entry.bytes), entry.why) for entry in found],
        )
    if delete:
        remove(opened, found)
    if not as_json:
        total = console.size(sum(entry.bytes for entry in found))
        done = "deleted" if delete else "can be deleted: add --delete"
        console.say(f"{len(found)} in all, {total}: {done}" if found else "nothing to delete")


def _short(path: UPath, root: Root) -> str:
    """A path without the rest of each key, as people tell outputs apart."""
    parts = path.relative_to(root.path).parts
    return "/".join(part if len(part) < KEY_LENGTH else f"{part[:12]}…" for part in parts)
