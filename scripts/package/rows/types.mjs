// What a strict compiler says of the types, with skipLibCheck off: every version and way of resolving that is supported, with and without
// the names of a page.
import { join } from 'node:path';
import { run, versionOf, writeFiles } from '../project.mjs';

const USE = `import { describeDrawn, Encoder, factsOf, Index, MocoError, pretrain, resolveConfig, setAssetPaths } from 'moco-web';
import type { PretrainConfig, StepEvent } from 'moco-web';
import { type ConformanceResult, runConformance } from 'moco-web/conformance';
import { createWasmKernels, createWebGpuKernels, type Kernels, requestDevice } from 'moco-web/kernels';
import { auditModel, differentiate, differentiateGraph, encodeModel, type Gradient, type Graph } from 'moco-web/onnx';
const data = await describeDrawn(10, 10, 32, 0);
const config: PretrainConfig = resolveConfig('moco-cifar', { width: 16 }, factsOf(data));
export async function first(): Promise<StepEvent | null> {
  for await (const event of pretrain({ config, data })) if (event.type === 'step') return event;
  return null;
}
export const gradient = (graph: Graph): Gradient =>
  differentiateGraph(graph, { wrt: ['w'], outputs: ['y'], provider: 'wasm' });
export const check = (kernels: Kernels): AsyncGenerator<ConformanceResult> => runConformance(kernels, { only: 'ema' });
export const onGpu = async () => createWebGpuKernels((await requestDevice()).device);
export const onWasm = () => createWasmKernels({ threads: 2 });
export const bytesOf = (bytes: Uint8Array) => encodeModel(differentiate(bytes).forward);
export const audited = (graph: Graph) => auditModel(graph, 'webgpu').ok;
export async function alike(paths: string[]): Promise<(string | undefined)[]> {
  const encoder = await Encoder.load('encoder.onnx', { workers: 1 });
  const index = await Index.from(await encoder.embed(paths), { names: paths });
  return (await index.search(await encoder.embed('a.png'), 5)).map(({ name }) => name);
}
export const isAborted = (error: unknown): boolean => error instanceof MocoError && error.code === 'aborted';
setAssetPaths('/moco-web/');
`;
/** Each must fail, with this error: what compiles whatever is written says nothing. */
const WRONG = [
  ['export const width: string = config.width;', 'TS2322'],
  ["resolveConfig('moco-v2', { widht: 1 });", 'TS2561'],
  ['await Encoder.load(7);', 'TS2345'],
];
const OF_A_PAGE = `export async function ofAPage(input: HTMLInputElement): Promise<Float32Array> {
  const encoder = await Encoder.load(new URL('encoder.onnx', document.baseURI));
  return encoder.embed(input.files![0]!);
}
`;

/** By module and the way of resolving. */
const RESOLUTIONS = [
  ['node16', 'node16'],
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
];
const NODENEXT = RESOLUTIONS[1];
const LIBRARIES = [
  { name: 'no dom', lib: ['es2022'], types: [] },
  { name: 'dom', lib: ['es2022', 'dom', 'dom.iterable'], types: [] },
  { name: '@types/node', lib: ['es2022'], types: ['node'] },
  { name: 'dom, @webgpu/types', lib: ['es2022', 'dom'], types: ['@webgpu/types'] },
];

async function compile(folder, files, [module, moduleResolution], { lib, types }) {
  const compilerOptions = {
    ...{ noEmit: true, strict: true, skipLibCheck: false, exactOptionalPropertyTypes: true },
    ...{ target: 'es2022', lib, types, module, moduleResolution },
  };
  await writeFiles(folder, { 'tsconfig.json': JSON.stringify({ compilerOptions, files }) });
  return run(process.execPath, [join(folder, 'node_modules/typescript/bin/tsc'), '-p', '.'], {
    cwd: folder,
  }).then(
    () => '',
    (error) => error.message,
  );
}

/** TypeScript 7's lib dom has WebGPU itself, and takes no second description of it. */
function fits({ types }, version) {
  return !(types.includes('@webgpu/types') && Number.parseInt(version, 10) >= 6);
}

function typesOf(version, ci = false) {
  return {
    name: `TypeScript ${version}`,
    packages: [`typescript@${version}`, '@types/node@20', '@webgpu/types'],
    ci,
    settings: 'strict, skipLibCheck off',
    async run(folder) {
      await writeFiles(folder, {
        'right.ts': USE,
        'page.ts': USE + OF_A_PAGE,
        ...Object.fromEntries(WRONG.map(([line], i) => [`wrong-${i}.ts`, `${USE}${line}\n`])),
        'by-path.ts': "export { pretrain } from './node_modules/moco-web/dist/index.js';\n",
      });
      const libraries = LIBRARIES.filter((one) => fits(one, version));
      // Resolving and what is known of the platform have nothing to do with each other.
      const ways = [
        ...RESOLUTIONS.map((resolution) => [resolution, LIBRARIES[0]]),
        ...libraries.slice(1).map((library) => [NODENEXT, library]),
      ];
      for (const [resolution, library] of ways) {
        const files = [library.lib.includes('dom') ? 'page.ts' : 'right.ts', 'by-path.ts'];
        const said = await compile(folder, files, resolution, library);
        if (said) throw new Error(`${resolution.join(' ')}, ${library.name}: ${said}`);
      }
      const wrong = WRONG.map((_, i) => `wrong-${i}.ts`);
      const said = await compile(folder, wrong, NODENEXT, LIBRARIES[1]);
      for (const [i, [line, code]] of WRONG.entries()) {
        if (!new RegExp(`wrong-${i}\\.ts.* error ${code}`).test(said)) {
          throw new Error(`'${line}' should be ${code}, but: ${said || 'it compiles'}`);
        }
      }
      return { version: await versionOf(folder, 'typescript'), note: `${ways.length} ways, 0 errors` };
    },
  };
}

/** The oldest that is supported has generic typed arrays. */
export const TYPES = [typesOf('5.7'), typesOf('5.9', true), typesOf('6'), typesOf('7')];

export const LINTERS = [
  {
    name: 'publint',
    packages: ['publint'],
    ci: true,
    settings: '--strict',
    async run(folder, tarball) {
      const said = await run(
        process.execPath,
        [join(folder, 'node_modules/publint/src/cli.js'), tarball, '--strict'],
        {
          cwd: folder,
          env: { ...process.env, NO_COLOR: '1' },
        },
      );
      return { version: await versionOf(folder, 'publint'), note: said.trim().split('\n').at(-1), said };
    },
  },
  {
    name: 'are the types wrong?',
    packages: ['@arethetypeswrong/cli'],
    ci: true,
    settings: '--profile esm-only',
    async run(folder, tarball) {
      const cli = join(folder, 'node_modules/@arethetypeswrong/cli/dist/index.js');
      const options = ['--profile', 'esm-only', '--no-emoji', '--no-color'];
      const said = await run(process.execPath, [cli, tarball, ...options], { cwd: folder });
      // It fails where there is a problem.
      const version = await versionOf(folder, '@arethetypeswrong/cli');
      return { version, note: 'no problems', said };
    },
  },
];
