import * as v from 'valibot';
import { MocoError, messageOf } from '../errors.ts';
import type { FileStore } from '../runtime/file-store.ts';

const MAX_MANIFEST_BYTES = 2 ** 26;

/** Names become file names (`--write`), and files are looked for beside the manifest only. */
const FileName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/, 'is not a plain file name'));

export function isFileName(name: string): boolean {
  return v.is(FileName, name);
}

const Tolerance = v.pipe(v.number(), v.finite(), v.minValue(0));
const Size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const TensorSchema = v.object({
  dtype: v.string(),
  shape: v.array(Size),
  role: v.picklist(['in', 'out', 'info']),
  atol: v.optional(Tolerance),
});

const CaseSchema = v.object({
  name: FileName,
  file: FileName,
  params: v.optional(v.record(v.string(), v.unknown()), {}),
  rtol: v.optional(Tolerance, 0),
  atol: v.optional(Tolerance, 0),
  tensors: v.optional(v.record(v.string(), TensorSchema), {}),
});

export type ManifestTensor = v.InferOutput<typeof TensorSchema>;
/** One case as the manifest lists it. Unknown keys (notes and the like) are left out. */
export type ManifestCase = v.InferOutput<typeof CaseSchema>;

/** @throws MocoError data-missing without a manifest, data-invalid when it is malformed */
export async function readManifest(store: FileStore): Promise<ManifestCase[]> {
  const at = `${store.root}/manifest.json`;
  if (!(await store.exists('manifest.json'))) {
    throw new MocoError('data-missing', `no golden cases: ${at} does not exist`);
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(await store.read('manifest.json', MAX_MANIFEST_BYTES)));
  } catch (cause) {
    throw new MocoError('data-invalid', `${at} cannot be read: ${messageOf(cause)}`, { cause });
  }
  const parsed = v.safeParse(v.object({ cases: v.array(CaseSchema) }), json);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new MocoError('data-invalid', `${at}: ${v.getDotPath(issue) ?? 'content'}: ${issue.message}`);
  }
  const { cases } = parsed.output;
  const names = new Set<string>();
  for (const { name } of cases) {
    if (names.has(name)) throw new MocoError('data-invalid', `${at} lists case ${name} twice`);
    names.add(name);
  }
  return cases;
}
