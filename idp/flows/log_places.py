"""How far somebody is with the log: a row of ``tree_heads`` under their name, moved by compare-and-swap. A leader that is late beside the next one
moves nothing back, and what was to be in its batch is not.
"""

from typing import Final

from idp.ports import Insert, Update, Write
from idp.records import TreeHead

LOG: Final = "log"
"""The name of the tree's own head."""


def moved(old: TreeHead | None, new: TreeHead) -> Write:
    """Conflicts where somebody else moved the row since ``old`` was read (None: there was none)."""
    if old is None:
        return Insert(new)
    where = {"name": old.name, "size": old.size, "note": old.note, "at": old.at}
    return Update(
        TreeHead,
        where,
        {"size": new.size, "root": new.root, "last_seq": new.last_seq, "note": new.note, "at": new.at},
    )
