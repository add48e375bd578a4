/** The images in a tar archive that a page was given: parts of its blob, which are read when they are needed. */
import { BLOCK } from './members.ts';
import { type ShardFile, ShardIndexer } from './shard-index.ts';

/**
 * @param name of the archive, for messages
 * @returns of each file its path in the archive, below a folder named after its label where samples have labels
 * @throws MocoError data-invalid — it is no archive, or damaged
 */
export async function blobsInTar(
  archive: Blob,
  name: string,
): Promise<{ readonly path: string; readonly blob: () => Promise<Blob> }[]> {
  const { size } = archive;
  const indexer = new ShardIndexer();
  const read = async (offset: number, length: number) =>
    new Uint8Array(await archive.slice(offset, offset + length).arrayBuffer());
  await indexer.add({ name, size, read }, 0);
  const { samples, files } = indexer.index;
  const at = (path: string, { block, size: bytes }: ShardFile) => ({
    path,
    blob: async () => archive.slice(block * BLOCK, block * BLOCK + bytes),
  });
  if (!samples) return files.map((file) => at(file.name, file));
  return samples.map(({ image, word }) => {
    const folder = word.replace(/^\.+/, '').replaceAll('/', '_');
    return at(folder === '' ? image.name : `${folder}/${image.name}`, image);
  });
}
