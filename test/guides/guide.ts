/** The guides of docs/guides as their readers run them: the code of each, block by block, in a folder of their own. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { encodeImage } from '../../src/data/pictures/encode-png.ts';
import { drawImage } from '../../src/data/sources/drawn.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ENCODER = join(ROOT, 'test/autodiff/references/encoders/resnet18-training-opset13.onnx');

export interface Block {
  /** What follows the fence: 'js', 'js gpu', 'sh'. */
  readonly kind: string;
  readonly text: string;
}

export async function blocksOf(guide: string): Promise<Block[]> {
  const text = await readFile(join(ROOT, 'docs/guides', `${guide}.md`), 'utf8');
  return [...text.matchAll(/^```([a-z ]+)\n([\s\S]*?)^```$/gm)].map(([, kind, code]) => ({
    kind: kind!,
    text: code!,
  }));
}

/** A folder with the package installed, photos, labeled photos, and an encoder. */
export async function readersFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'moco-web-guides-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(ROOT, join(folder, 'node_modules/moco-web'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const draw = async (place: string, first: number, count: number) => {
    for (const [label, name] of ['a', 'b'].entries()) {
      await mkdir(join(folder, place, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const { data, width, height } = drawImage(
          { size: 24, seed: 1, split: 'train' },
          10 * (first + i) + label,
        );
        const rgba = new Uint8ClampedArray(4 * width * height).map((_, at) =>
          at % 4 === 3 ? 255 : data[3 * (at >> 2) + (at % 4)]!,
        );
        await writeFile(join(folder, place, name, `${i}.png`), await encodeImage(rgba, width, height));
      }
    }
  };
  await draw('photos', 0, 20);
  await draw('labeled/train', 0, 12);
  await draw('labeled/val', 20, 4);
  await cp(ENCODER, join(folder, 'encoder.onnx'));
  await cp(join(ROOT, 'shaders/ema.wgsl'), join(folder, 'ema.wgsl'));
  return folder;
}

/** Runs a block. @param shorter what is written otherwise, as there is less time: each has to be there */
export async function runBlock(
  folder: string,
  block: Block,
  shorter: readonly (readonly [string, string])[] = [],
): Promise<string> {
  const text = shorter.reduce((code, [from, to]) => code.replaceAll(from, to), block.text);
  const run = async (args: readonly string[]) => {
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, env: process.env });
    return stdout;
  };
  if (block.kind !== 'sh') {
    await writeFile(join(folder, 'program.mjs'), text);
    return run(['program.mjs']);
  }
  let output = '';
  for (const line of text.trim().split('\n')) {
    const [command, ...args] = line.split(' ');
    if (command !== 'moco-web') throw new Error(`a guide's command is not moco-web: ${line}`);
    output += await run([join(ROOT, 'dist/cli.js'), ...args]);
  }
  return output;
}
