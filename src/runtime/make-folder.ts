import { nodeModule } from './node.ts';

/**
 * Makes a folder and those above it, of the operating system. Not by Node's `recursive`: where a folder cannot be made that does not
 * exist either, such as below /proc, it tries for ever (Node 20 to 24).
 * @throws what the system says
 */
export async function makeFolder(path: string): Promise<void> {
  const fs = await nodeModule('fs/promises');
  const { dirname } = await nodeModule('path');
  const make = async (folder: string): Promise<void> => {
    try {
      await fs.mkdir(folder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const isThere = await fs.stat(folder).then(
        (found) => found.isDirectory(),
        () => false,
      );
      if (isThere) return;
      const above = dirname(folder);
      const isAboveThere = await fs.stat(above).then(
        () => true,
        () => false,
      );
      if (code !== 'ENOENT' || above === folder || isAboveThere) throw error;
      await make(above);
      await fs.mkdir(folder).catch((again: NodeJS.ErrnoException) => {
        if (again.code !== 'EEXIST') throw again;
      });
    }
  };
  await make(path);
}
