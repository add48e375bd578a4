/**
 * CIFAR-10 as it is downloaded (its binary version), for a page: some of its training images, written as PNG files into a folder of
 * the page's own storage, one folder a class. From there on they are photos like any others, and outlive a reload.
 */
import type { GivenFiles } from './moco-web.ts';
import { imageDataOf } from './pictures.ts';

/** So many learn in minutes; all 50,000 would take a page hours. */
const MOST = 2000;
const NAME = /^data_batch_\d+\.bin$/;
const CLASSES = 'airplane automobile bird cat deer dog frog horse ship truck'.split(' ');
const SIDE = 32;
const PLANE = SIDE * SIDE;
const RECORD = 1 + 3 * PLANE;

/** What TypeScript's types of the page leave out. */
interface Folder {
  values(): AsyncIterable<FileSystemHandle>;
}
interface Dropped {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
}

/** @param given of a drop event, call it in the event itself */
export async function findBinaries(given: GivenFiles): Promise<File[]> {
  const dropped = 'items' in given && 'files' in given ? given : null;
  const handles = dropped
    ? [...dropped.items].map((item: DataTransferItem & Dropped) =>
        item.getAsFileSystemHandle?.().catch(() => null),
      )
    : [];
  const plain = 'kind' in given ? [] : [...(dropped ? dropped.files : (given as Iterable<unknown>))];
  const folders = [given, ...plain, ...(await Promise.all(handles))].filter(
    (item) => item instanceof FileSystemDirectoryHandle,
  );
  const inFolders = await Promise.all(folders.map(filesIn));
  return [...plain.filter((item) => item instanceof File), ...inFolders.flat()]
    .filter(({ name }) => NAME.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function filesIn(folder: FileSystemDirectoryHandle): Promise<File[]> {
  const files: File[] = [];
  for await (const entry of (folder as unknown as Folder).values()) {
    if (entry.kind === 'file' && NAME.test(entry.name))
      files.push(await (entry as FileSystemFileHandle).getFile());
  }
  return files;
}

/** @returns the folder that they were written to, in the place of what was there before */
export async function unpack(
  binaries: readonly File[],
  progress: (done: number, of: number) => void,
): Promise<FileSystemDirectoryHandle> {
  const lengths = binaries.map(({ size }) => Math.floor(size / RECORD));
  const all = lengths.reduce((sum, length) => sum + length, 0);
  const count = Math.min(MOST, all);
  const storage = await navigator.storage.getDirectory();
  const data = await storage.getDirectoryHandle('data', { create: true });
  await data.removeEntry('CIFAR-10', { recursive: true }).catch(() => {});
  const root = await data.getDirectoryHandle('CIFAR-10', { create: true });
  const folders = await Promise.all(CLASSES.map((name) => root.getDirectoryHandle(name, { create: true })));
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  for (let i = 0; i < count; i++) {
    let record = Math.floor((i * all) / count);
    let batch = 0;
    while (record >= lengths[batch]!) record -= lengths[batch++]!;
    const part = binaries[batch]!.slice(record * RECORD, (record + 1) * RECORD);
    const bytes = new Uint8Array(await part.arrayBuffer());
    const folder = folders[bytes[0]!];
    if (!folder) throw new Error(`${binaries[batch]!.name} is no batch of CIFAR-10: a label is ${bytes[0]}`);
    canvas.getContext('2d')!.putImageData(imageDataOf(interleaved(bytes.subarray(1))), 0, 0);
    const file = await folder.getFileHandle(`${String(i).padStart(5, '0')}.png`, { create: true });
    const writable = await file.createWritable();
    await writable.write(await canvas.convertToBlob({ type: 'image/png' }));
    await writable.close();
    progress(i + 1, count);
  }
  return root;
}

/** Three planes, as the rows of pixels that images have here. */
function interleaved(planes: Uint8Array) {
  const data = Uint8Array.from({ length: 3 * PLANE }, (_, i) => planes[(i % 3) * PLANE + Math.floor(i / 3)]!);
  return { width: SIDE, height: SIDE, data };
}
