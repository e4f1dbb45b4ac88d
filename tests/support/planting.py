"""Planted bugs: patches applied by their text to a copy of the sources."""


def hunks(patch):
    """(path, old text, new text) of each hunk; line numbers do not matter."""
    path = old = new = None
    for line in patch.splitlines(keepends=True) + ["@@"]:
        if line.startswith(("--- a/", "@@")) and old:
            yield path, old, new
        if line.startswith("--- a/"):
            old = None
        elif line.startswith("+++ b/"):
            path = line[6:].strip()
        elif line.startswith("@@"):
            old = new = ""
        elif old is not None:
            old += line[1:] if line[0] in " -" else ""
            new += line[1:] if line[0] in " +" else ""


def plant(patch, folder):
    """Apply a patch file to the sources in a folder; the paths it changed."""
    changed = set()
    for path, old, new in hunks(patch.read_text()):
        text = (folder / path).read_text()
        if text.count(old) != 1:
            raise ValueError(f"{patch.name} does not fit {path}")
        (folder / path).write_text(text.replace(old, new))
        changed.add(path)
    return changed
