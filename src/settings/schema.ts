import * as v from 'valibot';
import { MocoError, messageOf } from '../errors.ts';
import { isImported, type PretrainConfig } from './config.ts';
import { PRESET_NAMES } from './presets.ts';
import { ARCHITECTURES, SCHEDULES, STEMS, validateConfig } from './validate.ts';

const MAX_NAME = 4096;

/** The shape of a configuration read from a file; unknown keys are refused, they would change what a run means. */
const ConfigSchema = v.strictObject({
  preset: v.exactOptional(v.picklist(PRESET_NAMES)),
  arch: v.union([
    v.picklist(ARCHITECTURES),
    v.custom<`${string}.onnx`>(
      (name) => typeof name === 'string' && name.length <= MAX_NAME && isImported(name),
    ),
  ]),
  feature: v.exactOptional(v.pipe(v.string(), v.maxLength(MAX_NAME))),
  stem: v.picklist(STEMS),
  width: v.number(),
  imageSize: v.number(),
  dim: v.number(),
  mlp: v.boolean(),
  augmentation: v.picklist(['v1', 'v2', 'cifar']),
  batchSize: v.number(),
  groups: v.number(),
  queueSize: v.number(),
  momentum: v.number(),
  temperature: v.number(),
  schedule: v.picklist(SCHEDULES),
  learningRate: v.number(),
  weightDecay: v.number(),
  sgdMomentum: v.number(),
  epochs: v.number(),
  steps: v.nullable(v.number()),
  seed: v.number(),
});

/**
 * A configuration from untrusted JSON, with the same bounds as one from the command line.
 * @throws MocoError checkpoint-invalid naming the field
 */
export function parseConfig(value: unknown): PretrainConfig {
  const parsed = v.safeParse(ConfigSchema, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const path = v.getDotPath(issue);
    throw new MocoError('checkpoint-invalid', `config${path ? `.${path}` : ''}: ${issue.message}`);
  }
  try {
    validateConfig(parsed.output);
  } catch (cause) {
    throw new MocoError('checkpoint-invalid', `config: ${messageOf(cause)}`, { cause });
  }
  return parsed.output;
}
