/** Tar archives for tests, made by the system's tar, and damaged by hand. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type Layout = Readonly<Record<string, string | Uint8Array>>;

/** Writes files below a folder. */
export function lay(root: string, layout: Layout): string {
  for (const [path, content] of Object.entries(layout)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

/** An archive of some files below a folder, in that order. @returns its path */
export function pack(archive: string, root: string, names: readonly string[] = ['.'], format = 'gnu'): string {
  mkdirSync(dirname(archive), { recursive: true });
  execFileSync('tar', [`--format=${format}`, '-cf', archive, '-C', root, ...names], { stdio: 'pipe' });
  return archive;
}

/** With the right checksum in each of its headers, as far as they can be followed. */
export function withChecksums(archive: Uint8Array): Uint8Array {
  const bytes = archive.slice();
  for (let at = 0; at + 512 <= bytes.length; ) {
    const block = bytes.subarray(at, at + 512);
    if (Buffer.from(block.subarray(257, 262)).toString('latin1') !== 'ustar') break;
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
    const size = Number.parseInt(Buffer.from(block.subarray(124, 135)).toString('latin1'), 8);
    at += 512 * (1 + Math.ceil((Number.isSafeInteger(size) ? size : 0) / 512));
  }
  return bytes;
}

/** An archive with other bytes in the header that begins at `at`, and the right checksum. */
export function altered(archive: string, at: number, offset: number, bytes: string | Uint8Array): Uint8Array {
  const whole = new Uint8Array(readFileSync(archive));
  whole.set(typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes, at + offset);
  return withChecksums(whole);
}
