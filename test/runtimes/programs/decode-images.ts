/** Pixels of the images that lie beside this program, as hashes: name → SHA-256. */
import { decodeImage } from '../../../src/data/decode/decode.ts';
import { loadAsset } from '../../../src/runtime/load-asset.ts';

/** Each needs another path through a codec. */
const IMAGES = [
  ...['exif6.jpg', 'grey.jpg', 'prog.jpg', 'alpha.webp', 'lossy.webp'],
  ...['la.png', 'pal.png', 'rgb16.png', 'rgba.png'],
];

export async function main(): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const name of IMAGES) {
    const { data } = await decodeImage(await loadAsset(new URL(name, import.meta.url)));
    const digest = await crypto.subtle.digest('SHA-256', data as Uint8Array<ArrayBuffer>);
    hashes[name] = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  }
  return hashes;
}
