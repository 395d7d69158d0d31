"""Logos: foreign bytes go in, a small PNG of our own making comes out."""

import io
import struct
import zlib

from PIL import Image, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
MAX_INPUT_BYTES = 1024 * 1024
MAX_SIDE = 4096
MAX_PIXELS = 8_000_000
MAX_OUTPUT_BYTES = 100 * 1024
_SIDES = (256, 128, 64)


class BadLogo(ValueError):
    """``reason`` is a short stable word, ``text`` a sentence fragment that follows the member's name."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.text = text


def reencode_logo(data: bytes) -> bytes:
    """``data`` as a PNG of at most 256 by 256 pixels and 100 kB, without metadata. Raises :class:`BadLogo`.

    Raster formats only; dimensions are judged from the header, before any pixel is decoded.
    """
    if len(data) > MAX_INPUT_BYTES:
        raise BadLogo("too_large", "must not be larger than 1 MB")
    try:
        image = _decode(data)
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        OSError,
        EOFError,
        SyntaxError,
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        OverflowError,
        MemoryError,
        struct.error,
        zlib.error,
    ) as error:
        if isinstance(error, BadLogo):
            raise
        raise BadLogo("unreadable", "must be a PNG, JPEG, GIF or WebP image") from None
    return _encode(image)


def _decode(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
            raise BadLogo("dimensions", f"must not be larger than {MAX_SIDE} by {MAX_SIDE} pixels, {MAX_PIXELS} in all")
        image.draft("RGB", (256, 256))
        return image.convert("RGBA")


def _encode(image: Image.Image) -> bytes:
    clean = Image.new("RGBA", image.size)
    clean.paste(image)  # pixels alone: no profile, comment or text of the original
    for side in _SIDES:
        clean.thumbnail((side, side))
        out = io.BytesIO()
        clean.save(out, "PNG", optimize=True)
        if out.tell() <= MAX_OUTPUT_BYTES:
            return out.getvalue()
    raise BadLogo("too_large", "could not be made small enough")
