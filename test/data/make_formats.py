#!/usr/bin/env python3
"""Wrote the BMP, GIF, TIFF and CMYK files of formats/ and of each its pixels as Pillow 9.4 gives them (Debian's python3-pil).

    python3 test/data/make_formats.py

Those that Pillow does not write (run-length encoding, tiles, planes, sBIT) are put together here, byte by byte.
"""
import io
import struct
import zlib
from pathlib import Path

from PIL import Image

OUT = Path(__file__).parent / 'formats'
W, H = 53, 37

rgb = Image.new('RGB', (W, H))
rgb.putdata([((x * 5) % 256, (y * 7) % 256, (x * 3 + y * 11) % 256) for y in range(H) for x in range(W)])
gray = rgb.convert('L')
palette = rgb.quantize(16)
one = rgb.convert('1')
cmyk = Image.new('CMYK', (W, H))
cmyk.putdata([((x * 4) % 256, (y * 6) % 256, (x + y) % 256, (x * y) % 200) for y in range(H) for x in range(W)])
alpha = rgb.copy().convert('RGBA')
alpha.putalpha(gray)


def keep(name, data, oracle=True):
    (OUT / name).write_bytes(data)
    if oracle:
        image = Image.open(io.BytesIO(data)).convert('RGB')
        image.load()
        assert sorted(image.size) == sorted((W, H)), (name, image.size)
        (OUT / f'{name}.rgb').write_bytes(image.tobytes())


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


# BMP: 1, 4 (of 8), 8, 24 and 32 bits; 16 bits, rows from the top, runs by hand.
keep('one.bmp', saved(one, 'BMP'))
keep('pal.bmp', saved(rgb.quantize(200), 'BMP'))
keep('grey.bmp', saved(gray, 'BMP'))
keep('rgb.bmp', saved(rgb, 'BMP'))
keep('rgba.bmp', saved(alpha, 'BMP'))


def bmp(bits, compression, pixels, colors=b'', height=H, masks=b''):
    start = 54 + len(masks) + len(colors)
    header = struct.pack('<IiiHHIIiiII', 40, W, height, 1, bits, compression, len(pixels), 0, 0, len(colors) // 4, 0)
    return b'BM' + struct.pack('<IHHI', start + len(pixels), 0, 0, start) + header + masks + colors + pixels


def words(values):
    row = b''.join(struct.pack('<H', value) for value in values)
    return row + b'\0' * (-len(row) % 4)


def pixel(x, y):
    return rgb.getpixel((x, y))


def five(x, y):
    r, g, b = pixel(x, y)
    return (r >> 3) << 10 | (g >> 3) << 5 | b >> 3


def six(x, y):
    r, g, b = pixel(x, y)
    return (r >> 3) << 11 | (g >> 2) << 5 | b >> 3


upward = range(H - 1, -1, -1)
keep('rgb555.bmp', bmp(16, 0, b''.join(words(five(x, y) for x in range(W)) for y in upward)))
keep('rgb565.bmp', bmp(16, 3, b''.join(words(six(x, y) for x in range(W)) for y in upward),
                       masks=struct.pack('<III', 0xF800, 0x7E0, 0x1F)))
rows = b''.join(bytes(c for x in range(W) for c in reversed(pixel(x, y))) + b'\0' * (-3 * W % 4) for y in range(H))
keep('top.bmp', bmp(24, 0, rows, height=-H))
colors16 = palette.getpalette()[:48]
bgr0 = b''.join(bytes(reversed(colors16[i:i + 3])) + b'\0' for i in range(0, 48, 3))


def nibbles(values):
    values = list(values) + [0] * (-len(values) % 2)
    row = bytes(a << 4 | b for a, b in zip(values[::2], values[1::2]))
    return row + b'\0' * (-len(row) % 4)


indices = [[palette.getpixel((x, y)) for x in range(W)] for y in range(H)]
keep('pal4.bmp', bmp(4, 0, b''.join(nibbles(indices[y]) for y in upward), bgr0))


def runs(row):
    """Runs of equal pixels, and from 30 on a piece that is not packed."""
    out, x = b'', 0
    while x < 30:
        n = 1
        while x + n < 30 and row[x + n] == row[x]:
            n += 1
        out += bytes([n, row[x]])
        x += n
    rest = bytes(row[30:])
    return out + bytes([0, len(rest)]) + rest + b'\0' * (len(rest) % 2) + b'\0\0'


keep('runs8.bmp', bmp(8, 1, b''.join(runs(indices[y]) for y in upward) + b'\0\1', bgr0))

# GIF: a palette, interlaced, with a transparent color, a film, a first picture smaller than the screen.
keep('pal.gif', saved(palette, 'GIF'))
keep('interlaced.gif', saved(palette, 'GIF', interlace=1))
keep('transparent.gif', saved(palette, 'GIF', transparency=3))
keep('film.gif', saved(palette, 'GIF', save_all=True, append_images=[palette.transpose(Image.ROTATE_180)], duration=9))
small = bytearray(saved(palette.crop((0, 0, 20, 10)), 'GIF'))
small[6:10] = struct.pack('<HH', W, H)
at = small.index(b'\x2c\0\0\0\0')
small[at + 1:at + 5] = struct.pack('<HH', 7, 5)
keep('small.gif', bytes(small))

# TIFF: kinds of color, compressions, orders of bytes and of samples, tiles.
keep('grey.tif', saved(gray, 'TIFF'))
keep('one.tif', saved(one, 'TIFF'))
keep('pal.tif', saved(rgb.quantize(200), 'TIFF'))
keep('rgb.tif', saved(rgb, 'TIFF'))
keep('rgba.tif', saved(alpha, 'TIFF'))
keep('cmyk.tif', saved(cmyk, 'TIFF'))
keep('lzw.tif', saved(rgb, 'TIFF', compression='tiff_lzw'))
keep('deflate.tif', saved(rgb, 'TIFF', compression='tiff_adobe_deflate'))
keep('packbits.tif', saved(one, 'TIFF', compression='packbits'))
keep('differences.tif', saved(rgb, 'TIFF', compression='tiff_lzw', tiffinfo={317: 2}))
for orientation in (3, 6, 7):
    keep(f'orientation{orientation}.tif', saved(rgb, 'TIFF', tiffinfo={274: orientation}))


def tiff(order, tags, blocks):
    """Blocks come first; a tag's value may be a function of where they are."""
    data, at = b'', []
    for block in blocks:
        at.append(8 + len(data))
        data += block
    extra, entries = b'', []
    start = 8 + len(data)
    size = 2 + 12 * len(tags) + 4
    for tag, kind, values in sorted(tags):
        values = values(at) if callable(values) else values
        form = {3: 'H', 4: 'I'}[kind]
        packed = struct.pack(f'{order}{len(values)}{form}', *values)
        if len(packed) > 4:
            where = start + size + len(extra)
            extra += packed
            packed = struct.pack(f'{order}I', where)
        entries.append(struct.pack(f'{order}HHI', tag, kind, len(values)) + packed.ljust(4, b'\0'))
    mark = b'II*\0' if order == '<' else b'MM\0*'
    directory = struct.pack(f'{order}H', len(tags)) + b''.join(entries) + struct.pack(f'{order}I', 0)
    return mark + struct.pack(f'{order}I', start) + data + directory + extra


def base(bits, photometric, samples):
    return [(256, 3, [W]), (257, 3, [H]), (258, 3, [bits] * samples), (262, 3, [photometric]), (277, 3, [samples])]


tiles = []
for top in range(0, H, 16):
    for left in range(0, W, 16):
        tiles.append(zlib.compress(rgb.crop((left, top, left + 16, top + 16)).tobytes()))
keep('tiles.tif', tiff('<', base(8, 2, 3) + [
    (259, 3, [8]), (322, 3, [16]), (323, 3, [16]),
    (324, 4, lambda at: at), (325, 4, [len(tile) for tile in tiles])], tiles))
planes = [plane.tobytes() for plane in rgb.split()]
keep('planes.tif', tiff('<', base(8, 2, 3) + [
    (259, 3, [1]), (284, 3, [2]), (273, 4, lambda at: at), (278, 3, [H]), (279, 4, [len(p) for p in planes])], planes))
wide = b''.join(struct.pack('>H', c * 257) for value in rgb.getdata() for c in value)
keep('big-endian16.tif', tiff('>', base(16, 2, 3) + [
    (259, 3, [1]), (273, 4, lambda at: at), (278, 3, [H]), (279, 4, [len(wide)])], [wide]))

# CMYK JPEG: as Pillow writes it (inverted, as Adobe does), as YCCK, and without Adobe's mark.
keep('cmyk.jpg', saved(cmyk, 'JPEG', quality=95))
plain = bytearray((OUT / 'cmyk.jpg').read_bytes())
at = plain.index(b'\xff\xeeXX'.replace(b'XX', b'')) if b'\xff\xee' in plain else -1
ycck = bytearray(plain)
if at >= 0:
    ycck[at + 15] = 2
    keep('ycck.jpg', bytes(ycck))
    length = struct.unpack('>H', plain[at + 2:at + 4])[0]
    keep('cmyk-plain.jpg', bytes(plain[:at] + plain[at + 2 + length:]))


# Gray of 16 bits: what Pillow gives of it is white, so there are no pixels of it to compare with.
def png(values, significant=None):
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    raw = b''.join(b'\0' + struct.pack(f'>{W}H', *values[y * W:(y + 1) * W]) for y in range(H))
    extra = b'' if significant is None else chunk(b'sBIT', bytes([significant]))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', W, H, 16, 0, 0, 0, 0)) + extra
            + chunk(b'IDAT', zlib.compress(raw)) + chunk(b'IEND', b''))


twelve = [(x * 70 + y * 13) % 4096 for y in range(H) for x in range(W)]
keep('grey12.png', png(twelve), oracle=False)
keep('grey12-sbit.png', png(twelve, 12), oracle=False)
keep('grey12-shifted.png', png([value << 4 for value in twelve], 12), oracle=False)
