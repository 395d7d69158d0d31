"""Maintainers only: recreate the vendored GOV.UK Frontend from its published package. Nothing here runs in the product.

    npm pack govuk-frontend@6.3.0
    python idp/web/static/vendor/refresh.py govuk-frontend-6.3.0.tgz

The version is the one that ``govuk-frontend-jinja`` mirrors. What is taken away: the font that may be used on gov.uk alone (its
``@font-face`` rules and its name), the royal crest, and the pointers to source maps. Everything else is kept byte for byte.
"""

import hashlib
import re
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
VERSION = "6.3.0"
PACKAGE_SHA256 = "3d91fd1353e32e306a8ae493b44ba9c0277348b5dbc08442a3e63d822e516048"
FOLDER = HERE / f"govuk-frontend-{VERSION}"
FONT_STACK = "var(--yimen-font,sans-serif)"
LICENCE = """\
The MIT License (MIT)

Copyright (c) 2017 Crown Copyright (Government Digital Service)

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to
the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR
ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH
THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def neutral_css(css: str) -> str:
    """The stylesheet without licensed font, crest and source map."""
    css = re.sub(r"/\*! Copyright \(c\) 2011 by Margaret Calvert.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"@font-face\{[^}]*\}", "", css)
    css = css.replace("GDS Transport,arial,sans-serif", FONT_STACK)
    css = re.sub(r"[^{}]*\{[^{}]*govuk-crest[^{}]*\}", "", css)
    return without_map(css)


def without_map(text: str) -> str:
    """The text without its pointer to a source map that is not shipped."""
    return re.sub(r"(/\*|//)# sourceMappingURL=\S+( \*/)?\s*$", "", text)


def manifest(folder: Path) -> str:
    """``sha256sum`` lines of every file in the folder but the manifest itself."""
    names = sorted(path.name for path in folder.iterdir() if path.name != "MANIFEST.sha256")
    return "".join(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names)


def main(package: Path) -> None:
    """Unpack two files, make them neutral, write licence and manifest."""
    if hashlib.sha256(package.read_bytes()).hexdigest() != PACKAGE_SHA256:
        raise SystemExit("not the package that this script knows")
    FOLDER.mkdir(exist_ok=True)
    with tarfile.open(package) as tar:
        for name, change in (("govuk-frontend.min.css", neutral_css), ("govuk-frontend.min.js", without_map)):
            member = tar.extractfile(f"package/dist/govuk/{name}")
            assert member is not None
            (FOLDER / name).write_text(change(member.read().decode()), encoding="utf-8")
    (FOLDER / "LICENSE").write_text(LICENCE, encoding="utf-8")
    (FOLDER / "MANIFEST.sha256").write_text(manifest(FOLDER), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
