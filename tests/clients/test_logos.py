import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from clients.logos import BadLogo, reencode_logo


def picture(form: str, size: tuple[int, int] = (300, 100), mode: str = "RGB", **options) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 1 if mode in {"P", "1", "L"} else None).save(out, form, **options)
    return out.getvalue()


def noise(side: int) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((side, side), 100).convert("RGB").save(out, "PNG")
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("PNG", "LA"),
        ("PNG", "1"),
        ("PNG", "I;16"),
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("GIF", "P"),
        ("WEBP", "RGBA"),
    ],
)
def test_raster_images_become_small_pngs(form, mode):
    image = opened(reencode_logo(picture(form, mode=mode)))
    assert image.format == "PNG"
    assert image.size == (256, 85)


def test_small_images_keep_their_size():
    assert opened(reencode_logo(picture("PNG", (32, 16)))).size == (32, 16)


def test_busy_images_are_made_to_fit():
    assert len(reencode_logo(noise(600))) <= 100 * 1024


def test_text_and_profiles_of_the_original_are_gone():
    info = PngInfo()
    info.add_text("Comment", "planted-words")
    result = reencode_logo(picture("PNG", pnginfo=info, icc_profile=b"planted-profile", exif=b"Exif\x00\x00planted"))
    assert b"planted" not in result
    assert opened(result).info == {}


def test_bytes_behind_the_image_are_gone():
    assert b"<script>" not in reencode_logo(picture("GIF", mode="P") + b"<script>alert(1)</script>")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, pixels: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "unreadable"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unreadable"),
        (b"<html><script>", "unreadable"),
        (b"%PDF-1.7", "unreadable"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "unreadable"),
        (picture("BMP"), "unreadable"),
        (picture("TIFF"), "unreadable"),
        (picture("ICO"), "unreadable"),
        (picture("PNG")[:60], "unreadable"),
        (picture("JPEG")[:200], "unreadable"),
        (png(10, 10, b"x"), "unreadable"),
        (png(30_000, 30_000, b""), "unreadable"),
        (png(5000, 10, b""), "dimensions"),
        (png(4000, 4000, b""), "dimensions"),
        (png(0, 10, b""), "unreadable"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 1024 * 1024, "too_large"),
    ],
)
def test_everything_else_is_refused(data, reason):
    with pytest.raises(BadLogo) as refused:
        reencode_logo(data)
    assert refused.value.reason == reason


GOOD = picture("PNG", (8, 8)), picture("GIF", (8, 8), "P"), picture("JPEG", (8, 8)), picture("WEBP", (8, 8))


@given(st.sampled_from(GOOD), st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_damaged_images_give_a_png_or_a_refusal(good, where, damage):
    at = where % len(good)
    try:
        result = reencode_logo(good[:at] + damage + good[at + len(damage) :])
    except BadLogo:
        return
    assert result.startswith(b"\x89PNG")
