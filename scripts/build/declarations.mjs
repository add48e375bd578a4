// The types of the library, as those who use it compile them: under the options of theirs, with skipLibCheck off, with and without lib dom.
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';

/**
 * Names that a compiler knows by lib dom, by @types/node or by @webgpu/types, of which a program may have none. What stands in their
 * place where they are unknown: `never` leaves the other members of a union, `object` what has to be handed on.
 */
const PLATFORM = {
  ...Object.fromEntries(
    [
      ...[
        'AbortSignal',
        'Blob',
        'DataTransfer',
        'DataTransferItemList',
        'FileList',
        'FileSystemDirectoryHandle',
      ],
      ...['FileSystemFileHandle', 'HTMLCanvasElement', 'HTMLImageElement', 'HTMLVideoElement', 'ImageBitmap'],
      ...['ImageData', 'OffscreenCanvas', 'URL', 'VideoFrame'],
    ].map((name) => [name, `Known<'${name}', never>`]),
  ),
  ...Object.fromEntries(
    [
      ...['GPUAdapter', 'GPUAdapterInfo', 'GPUBindGroupLayout', 'GPUBuffer', 'GPUComputePipeline'],
      'GPUDevice',
    ].map((name) => [name, `Known<'${name}', object>`]),
  ),
  GPUFeatureName: 'string',
  GPUPowerPreference: "'low-power' | 'high-performance'",
};

const HEAD = `/** What the platform has, where the compiler knows it; written by scripts/build/declarations.mjs. */
type Known<Name extends string, Otherwise> = typeof globalThis extends {
    [N in Name]: { prototype: infer Type };
} ? Type : Otherwise;
/** Of WebAssembly. */
type KnownWasm<Name extends string> = typeof globalThis extends {
    WebAssembly: { [N in Name]: { prototype: infer Type } };
} ? Type : object;
type EventTargetClass = typeof globalThis extends { EventTarget: infer Class extends new () => object } ? Class : new () => object;
export declare const EventTarget: EventTargetClass;
export type WebAssemblyModule = KnownWasm<'Module'>;
export type WebAssemblyMemory = KnownWasm<'Memory'>;
`;

const PLATFORM_FILE = 'platform.d.ts';
const platformText =
  HEAD +
  Object.entries(PLATFORM)
    .map(([name, type]) => `export type ${name} = ${type};\n`)
    .join('');

const isComment = (line) => /^\s*(\/\*|\*|\/\/)/.test(line);

/** A declaration file with names of files that will be there, and of the platform from one place. */
function adapted(text, name) {
  const named = text
    .replace(/((?:from |import\()(['"])\.[^'"]*)\.ts\2/g, '$1.js$2')
    .replaceAll('globalThis.GPUAdapter', 'GPUAdapter')
    .replace(/\bWebAssembly\.(Module|Memory)\b/g, 'WebAssembly$1');
  const code = named
    .split('\n')
    .filter((line) => !isComment(line))
    .join('\n');
  const types = [...Object.keys(PLATFORM), 'WebAssemblyModule', 'WebAssemblyMemory'].filter((type) =>
    new RegExp(`(?<![.'\\w])${type}(?![\\w'])`).test(code),
  );
  const from = posix.relative(posix.dirname(name), PLATFORM_FILE.replace('.d.ts', '.js'));
  const path = from.startsWith('.') ? from : `./${from}`;
  const imports = [
    ...(types.length > 0 ? [`import type { ${types.join(', ')} } from '${path}';`] : []),
    ...(/extends EventTarget\b/.test(code) ? [`import { EventTarget } from '${path}';`] : []),
  ];
  // After the references, which have to come first.
  const lines = named.split('\n');
  const at = lines.findLastIndex((line) => line.startsWith('/// <reference')) + 1;
  return [...lines.slice(0, at), ...imports, ...lines.slice(at)].join('\n');
}

/** The names of all files that those of `entries` import, by way of others, too. */
async function reached(folder, entries) {
  const found = new Set();
  const visit = async (name) => {
    if (found.has(name)) return;
    found.add(name);
    const text = await readFile(join(folder, name), 'utf8');
    for (const [, path] of text.matchAll(/(?:from |import\()['"](\.[^'"]*)\.js['"]/g)) {
      await visit(posix.join(posix.dirname(name), `${path}.d.ts`));
    }
  };
  for (const entry of entries) await visit(entry);
  return found;
}

/**
 * @param out {string} the folder of the build; gets types/, and a file beside each entry's script for those who import that by its path
 * @param entries {Record<string, string>} source files by the names of the scripts
 */
export async function writeDeclarations(out, entries) {
  const tsc = ['node_modules/typescript/bin/tsc', '--project', 'tsconfig.types.json'];
  execFileSync(process.execPath, [...tsc, '--outDir', `${out}/declarations`], { stdio: 'inherit' });
  const types = `${out}/types`;
  await rename(`${out}/declarations/src`, types);
  await rm(`${out}/declarations`, { recursive: true });
  const names = (await readdir(types, { recursive: true }))
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.d.ts'));
  for (const name of names) {
    const file = join(types, name);
    await writeFile(file, adapted(await readFile(file, 'utf8'), name));
  }
  await writeFile(join(types, PLATFORM_FILE), platformText);
  const roots = Object.entries(entries).map(([name, source]) => [
    name,
    source.replace(/^src\//, '').replace(/\.ts$/, '.d.ts'),
  ]);
  // What no user's compiler reads stays out, and with it the types of packages that are bundled.
  const used = await reached(
    types,
    roots.map(([, file]) => file),
  );
  await Promise.all(names.filter((name) => !used.has(name)).map((name) => rm(join(types, name))));
  for (const [name, file] of roots) {
    const target = join(out, `${name}.d.ts`);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, `export * from './types/${file.replace(/\.d\.ts$/, '.js')}';\n`);
  }
}
