/** `Encoder`: the rows of embedImages, from whatever an image may be; encoders from ONNX files. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { decodeImage } from '../../src/data/decode/decode.ts';
import { exportOnnx } from '../../src/models/export-onnx.ts';
import { ModelProtoSchema } from '../../src/onnx/onnx_pb.ts';
import { Encoder } from '../../src/page/encoder.ts';
import { REFERENCES } from '../autodiff/pytorch.ts';
import { WORKERS_ON } from '../backend.ts';
import { temporaryFolder } from '../checkpoint/example.ts';
import { expectSameBits } from '../compare.ts';
import { FILES, FORMATS, PHOTOS, photosRun, rowsOfRun } from './photos-run.ts';

const ON = { backend: WORKERS_ON, workers: 2 } as const;
const CAT = FILES.find((file) => file.includes('/cat/'))!;

let run: string;
let encoder: Encoder;
beforeAll(async () => {
  run = await photosRun();
  encoder = await Encoder.load(run, ON);
});
afterAll(async () => {
  await encoder?.dispose();
  await rm(run, { recursive: true, force: true });
});

/** An exported encoder; `change` alters the file. */
async function exported(
  features: 'backbone' | 'head',
  change: (model: ReturnType<typeof parse>) => void = () => {},
): Promise<Uint8Array> {
  const model = parse(exportOnnx(await loadCheckpoint(run), features));
  change(model);
  return toBinary(ModelProtoSchema, model);
}
const parse = (bytes: Uint8Array) => fromBinary(ModelProtoSchema, bytes);

/** Within 1e-5 of the largest value. */
function expectNear(actual: Float32Array, expected: Float32Array): void {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const off = actual.map((value, i) => Math.abs(value - expected[i]!));
  expect(off.length).toBe(expected.length);
  expect(Math.max(...off) / largest).toBeLessThan(1e-5);
}

describe('of a checkpoint', () => {
  it.each(['backbone', 'head'] as const)(
    '%s: the bits of embedImages, whatever the batch',
    async (features) => {
      const expected = await rowsOfRun(run, features);
      const own = await Encoder.load(await loadCheckpoint(run), { ...ON, features });
      try {
        expect(own).toMatchObject({ dim: expected[0]!.length, imageSize: 16, features, notes: [] });
        const rows = await own.embed(FILES);
        expect(rows).toHaveLength(FILES.length);
        for (const [i, row] of rows.entries()) {
          expectSameBits(`${FILES[i]}`, row, expected[i]!);
          const alone = await own.embed(FILES[i]!);
          // Native code multiplies a single row by the head's matrix in another order.
          if (features === 'head' && WORKERS_ON === 'native') expectNear(alone, expected[i]!);
          else expectSameBits(`${FILES[i]} alone`, alone, expected[i]!);
        }
      } finally {
        await own.dispose();
      }
    },
  );

  it('embeds every kind of image that there is in Node, to the same bits', async () => {
    const expected = await encoder.embed(CAT);
    const bytes = await readFile(CAT);
    const { data, width, height } = await decodeImage(new Uint8Array(bytes));
    const rgba = new Uint8ClampedArray(4 * width * height).fill(7);
    for (let pixel = 0; pixel < width * height; pixel++)
      rgba.set(data.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
    const kinds = {
      bytes,
      'bytes within others': new Uint8Array([1, 2, 3, ...bytes]).subarray(3),
      ArrayBuffer: new Uint8Array(bytes).buffer,
      Blob: new Blob([new Uint8Array(bytes)]),
      File: new File([new Uint8Array(bytes)], 'cat.jpg'),
      'file: URL': pathToFileURL(CAT),
      'file: address': pathToFileURL(CAT).href,
      'data: address': `data:image/jpeg;base64,${bytes.toString('base64')}`,
      RGB: { data, width, height },
      RGBA: { data: rgba, width, height },
    };
    const rows = await encoder.embed(Object.values(kinds));
    for (const [i, name] of Object.keys(kinds).entries()) expectSameBits(name, rows[i]!, expected);
  });

  it('takes PNG and WebP, and no images at all', async () => {
    const [png, webp] = await encoder.embed([`${FORMATS}/rgba.png`, `${FORMATS}/lossy.webp`]);
    expect([png!.length, webp!.length]).toEqual([32, 32]);
    expect(png).not.toEqual(webp);
    expect(await encoder.embed([])).toEqual([]);
  });

  it.each<[string, unknown, string, RegExp]>([
    ['no path', 'nowhere.jpg', 'data-missing', /cannot read nowhere\.jpg/],
    ['no image', new TextEncoder().encode('hello'), 'image-corrupt', /^the image \(bytes\): not a JPEG/],
    ['one of several', [CAT, new File(['x'], 'x.png')], 'image-corrupt', /^image 1 \(x\.png\): not a JPEG/],
    ['nothing', undefined, 'usage', /Undefined is no image/],
    ['a number', 7, 'usage', /Number is no image/],
    [
      'pixels that do not fit',
      { data: new Uint8Array(5), width: 2, height: 1 },
      'usage',
      /2×1 pixels and 5 bytes/,
    ],
    [
      'pixels of floats',
      { data: new Float32Array(3), width: 1, height: 1 },
      'usage',
      /pixels are Float32Array/,
    ],
    ['no sides', { data: new Uint8Array(0), width: 0, height: 0 }, 'usage', /is no image/],
  ])('refuses %s in one line', async (_, image, code, message) => {
    const error = await encoder.embed(image as string).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ name: 'MocoError', code, message: expect.stringMatching(message) });
    expect((error as Error).message).not.toContain('\n');
    // It goes on.
    expect(await encoder.embed(CAT)).toHaveLength(encoder.dim);
  });

  it.each<[string, unknown, object, string, RegExp]>([
    ['nothing there', `${PHOTOS}/nothing`, {}, 'data-missing', /no checkpoint at/],
    ['no file', 'nowhere.onnx', {}, 'data-missing', /cannot read nowhere\.onnx/],
    ['no encoder', 7, {}, 'usage', /7 is no encoder/],
    ['no model', new Uint8Array([1, 2, 3]), {}, 'model-invalid', /not an ONNX model|no graph/],
    ['no such features', null, { features: 'tail' }, 'usage', /choose one of backbone, head/],
    ['a size of its own', null, { imageSize: 32 }, 'usage', /the checkpoint says itself/],
    ['no workers', null, { workers: 0 }, 'usage', /workers is 0/],
  ])('loading %s: refused', async (_, source, options, code, message) => {
    const loading = Encoder.load((source ?? run) as string, { ...ON, ...options });
    await expect(loading).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('ends with its block, and says so afterwards', async () => {
    const own = await Encoder.load(run, ON);
    await own[Symbol.asyncDispose]();
    await own.dispose();
    await expect(own.embed(CAT)).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('of an ONNX file', () => {
  it.each(['backbone', 'head'] as const)(
    'exported with %s: within 1e-5 of its checkpoint',
    async (features) => {
      const expected = await rowsOfRun(run, features);
      const bytes = await exported(features);
      const file = `${await temporaryFolder()}/encoder.onnx`;
      await writeFile(file, bytes);
      const blob = new Blob([new Uint8Array(bytes)]);
      for (const source of [file, pathToFileURL(file), bytes, blob]) {
        const own = await Encoder.load(source, ON);
        try {
          expect(own).toMatchObject({ dim: expected[0]!.length, imageSize: 16, features, notes: [] });
          for (const [i, row] of (await own.embed(FILES)).entries()) expectNear(row, expected[i]!);
        } finally {
          await own.dispose();
        }
      }
    },
  );

  it('says what it assumed where the file says nothing, and takes it from options', async () => {
    const bytes = await exported('backbone', (model) => {
      model.metadataProps = [];
    });
    const assuming = await Encoder.load(bytes, ON);
    expect(assuming.imageSize).toBe(16);
    expect(assuming.notes).toEqual([expect.stringMatching(/ImageNet's mean and std are assumed/)]);
    const assumed = await assuming.embed(CAT);
    await assuming.dispose();
    // CIFAR's, which the run was trained with.
    const statistics = {
      mean: [0.4914, 0.4822, 0.4465],
      std: [0.2023, 0.1994, 0.201],
    } as const;
    const told = await Encoder.load(bytes, { ...ON, ...statistics });
    expect(told.notes).toEqual([]);
    const expected = await encoder.embed(CAT);
    expectNear(await told.embed(CAT), expected);
    expect(assumed).not.toEqual(expected);
    await told.dispose();
  });

  it('of a fixed batch takes any number of images', async () => {
    const bytes = await exported('backbone', ({ graph }) => {
      for (const value of [...graph!.input, ...graph!.output]) {
        const type = value.type?.value;
        if (type?.case === 'tensorType') type.value.shape!.dim[0]!.value = { case: 'dimValue', value: 4n };
      }
    });
    const own = await Encoder.load(bytes, { ...ON, workers: 1 });
    const rows = await own.embed(FILES);
    await own.dispose();
    const expected = await rowsOfRun(run, 'backbone');
    for (const [i, row] of rows.entries()) expectNear(row, expected[i]!);
  });

  it('runs what torch.onnx.export wrote', async () => {
    const own = await Encoder.load(`${REFERENCES}/encoders/mobilenet_v2-eval-opset11.onnx`, ON);
    const [first, second] = await own.embed([CAT, FILES[0]!]);
    expect(first).toHaveLength(own.dim);
    expect(first).not.toEqual(second);
    expect(own.notes).toHaveLength(1);
    await own.dispose();
  });

  const preprocessing = (change: object) => (model: ReturnType<typeof parse>) => {
    const entry = model.metadataProps.find(({ key }) => key === 'preprocessing')!;
    entry.value = JSON.stringify({ ...JSON.parse(entry.value), ...change });
  };
  it.each<[string, (model: ReturnType<typeof parse>) => void, object, string, RegExp]>([
    ['a std of 0', preprocessing({ std: [0, 1, 1] }), {}, 'model-invalid', /'preprocessing'.*std/],
    [
      'a crop beyond the image',
      preprocessing({ resizeShorterSide: 8 }),
      {},
      'model-invalid',
      /larger than the image/,
    ],
    [
      'another size',
      preprocessing({ centerCrop: 18 }),
      {},
      'model-invalid',
      /takes 16 px, its metadata says 18/,
    ],
    ['a huge size', preprocessing({ resizeShorterSide: 1e9 }), {}, 'model-invalid', /'preprocessing'/],
    [
      'what is no JSON',
      ({ metadataProps }) => {
        metadataProps[0]!.value = '{';
      },
      {},
      'model-invalid',
      /'preprocessing'/,
    ],
    ['a size of its own', () => {}, { imageSize: 32 }, 'usage', /the file says itself/],
    ['features it lacks', () => {}, { features: 'head' }, 'usage', /no features 'head'/],
    [
      'two inputs',
      ({ graph }) => {
        graph!.input.push({ ...graph!.input[0]!, name: 'other' });
      },
      {},
      'model-invalid',
      /one input/,
    ],
  ])('refuses %s', async (_, change, options, code, message) => {
    const bytes = await exported('backbone', change);
    const loading = Encoder.load(bytes, { ...ON, ...options });
    await expect(loading).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});
